//! `GET /health`: whether requests can be answered and the tables are protected, at this moment.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::database_proxy::Proxy;
use super::overload::eventually;
use crate::world::{Answer, Database, Person, World, psql};

/// The answer of a new look at the database: one that is younger than a second is used again.
pub async fn next_health(anonymous: &Person) -> Answer {
    tokio::time::sleep(Duration::from_millis(1100)).await;
    anonymous.get("/health").await
}

#[tokio::test]
async fn health_fails_while_row_security_is_off_and_recovers_when_it_is_on() {
    let world = World::new().await;
    let anonymous = world.anonymous();
    let superuser = world.database.superuser().await;

    for (opens, closes) in [
        (
            "alter table app.tasks disable row level security",
            "alter table app.tasks enable row level security",
        ),
        (
            "alter table app.tasks no force row level security",
            "alter table app.tasks force row level security",
        ),
        ("alter role rowkeep_login bypassrls", "alter role rowkeep_login nobypassrls"),
    ] {
        superuser.batch_execute(opens).await.expect("weaker protection");
        let open = next_health(&anonymous).await;
        superuser.batch_execute(closes).await.expect("full protection");
        let closed = next_health(&anonymous).await;

        let harmless = opens.contains("login"); // requests do not run as the login
        let status = if harmless { 200 } else { 503 };
        assert_eq!(open.status(), status, "{opens}: {open:?}");
        if !harmless {
            assert_eq!(open.json()["status"], "unhealthy", "{opens}");
        }
        assert_eq!((closed.status(), closed.json()), (200, json!({ "status": "healthy" })), "{closes}");
    }
}

#[tokio::test]
async fn health_fails_when_a_policy_is_gone() {
    for damage in ["drop policy fence on app.tasks", "drop policy owner_only on app.tasks"] {
        let world = World::new().await;
        let superuser = world.database.superuser().await;

        superuser.batch_execute(damage).await.expect(damage);

        let answer = world.anonymous().get("/health").await;
        assert_eq!((answer.status(), &answer.json()["status"]), (503, &json!("unhealthy")), "{damage}");
    }
}

#[tokio::test]
async fn only_the_log_says_which_protection_is_missing() {
    let world = World::new().await;
    let superuser = world.database.superuser().await;
    superuser
        .batch_execute("alter table app.tasks disable row level security")
        .await
        .expect("no row security");

    let answer = world.anonymous().get("/health").await;

    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    for inner in ["row security", "app", "schema", "rowkeep", "migrate"] {
        assert!(!text.contains(inner), "{text}");
    }
    let event = world.server.logs(|event| event["message"] == "unhealthy").await;
    assert!(event["error.message"].as_str().expect("a problem").contains("row security"), "{event}");
}

#[tokio::test]
async fn health_ignores_tokens() {
    let world = World::new().await;

    for token in ["nonsense", "", "a.b.c"] {
        let answer = Person::with_token(world.server.address, Some(token)).get("/health").await;
        assert_eq!((answer.status(), answer.json()), (200, json!({ "status": "healthy" })), "{token}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn many_health_requests_at_once_use_one_database_connection_and_leave_none() {
    let world = World::with(&[("DATABASE_POOL_MIN_IDLE", "0")]).await;
    let superuser = world.database.superuser().await;
    let count = async || {
        let sql = "select count(*) from pg_stat_activity
                    where datname = current_database() and usename = 'rowkeep_login'";
        superuser.query_one(sql, &[]).await.expect("a row").get::<_, i64>(0)
    };
    eventually("no connection is open", async || count().await == 0).await;

    let anonymous = world.anonymous();
    let answers = join_all((0..200).map(|_| anonymous.get("/health")));
    let counts = async {
        let mut most = 0;
        for _ in 0..100 {
            most = most.max(count().await);
        }
        most
    };
    let (answers, most) = tokio::join!(answers, counts);

    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert!(most <= 1, "{most} connections");
    eventually("the database can sleep", async || count().await == 0).await;
}

/// Prepared statements keep their plans: an immutable function could be evaluated once, for the user of that moment.
#[tokio::test]
async fn health_fails_when_the_function_of_the_user_id_is_immutable() {
    let world = World::new().await;
    let superuser = world.database.superuser().await;

    superuser
        .batch_execute("alter function app.current_user_id() immutable")
        .await
        .expect("a damaged database");

    let answer = world.anonymous().get("/health").await;
    assert_eq!((answer.status(), &answer.json()["status"]), (503, &json!("unhealthy")));
}

/// Each change leaves the policies as they are, and makes requests run without their effect.
#[tokio::test]
async fn health_fails_when_policies_exist_but_do_not_restrict_requests() {
    for damage in [
        // Identifies every user as alice, except a probe with a name of its own.
        "create or replace function app.identify(user_id text) returns void language plpgsql set search_path = '' as $$
         begin
             execute pg_catalog.format('set local app.user_id = %L',
                                       case when user_id = 'rowkeep probe' then user_id else 'alice' end);
             set local role rowkeep_api;
         end $$",
        "alter table app.tasks owner to rowkeep_login",
        "create table public.parent (like app.tasks); alter table app.tasks inherit public.parent",
    ] {
        let world = World::new().await;
        world.database.superuser().await.batch_execute(damage).await.expect(damage);

        let answer = world.anonymous().get("/health").await;
        assert_eq!((answer.status(), &answer.json()["status"]), (503, &json!("unhealthy")), "{damage}");
    }
}

/// A server whose database is silent answers in the time of a look or two, however many ask.
#[tokio::test]
async fn health_requests_that_arrive_during_a_look_share_it() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let world = World::on(database, &[("DATABASE_URL", url.as_str()), ("REQUEST_TIMEOUT", "3")]).await;
    let anonymous = world.anonymous();
    proxy.falls_silent();

    let looks = join_all(
        (0..10)
            .map(|number| async move {
                tokio::time::sleep(Duration::from_millis(200 * number)).await;
            })
            .map(|pause| async {
                pause.await;
                tokio::time::timeout(Duration::from_secs(10), anonymous.get("/health")).await
            }),
    )
    .await;

    for look in looks {
        let answer = look.expect("an answer within a few looks");
        assert_eq!(answer.status(), 503);
        assert!(answer.detail().contains("cannot be reached"), "{answer:?}");
    }
}

/// Requests wait for the lock, too. But the database answers, and another instance would not do better.
#[tokio::test]
async fn a_table_that_is_locked_is_not_unhealthy() {
    let world = World::with(&[("REQUEST_TIMEOUT", "2")]).await;
    let superuser = world.database.superuser().await;
    superuser.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");

    let health = next_health(&world.anonymous()).await;

    assert_eq!((health.status(), health.json()), (200, json!({ "status": "healthy" })));
}

#[tokio::test]
async fn a_database_that_accepts_no_login_is_not_said_to_be_out_of_reach() {
    let world = World::new().await;
    let closes = format!("alter database {} allow_connections false", world.database.name);
    assert!(psql("postgres", &["-c", &closes]).await.status.success());

    let health = next_health(&world.anonymous()).await;

    assert_eq!(health.status(), 503);
    assert!(health.detail().contains("refuses the login"), "{health:?}");
}

/// What was said before the database was full is true no longer: it answers.
#[tokio::test]
async fn a_full_database_is_healthy_after_it_was_out_of_reach() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let world = World::on(database, &[("DATABASE_URL", url.as_str()), ("REQUEST_TIMEOUT", "2")]).await;
    let (alice, anonymous) = (world.user("alice"), world.anonymous());
    let superuser = world.database.superuser().await;
    proxy.falls_silent();
    assert_eq!(next_health(&anonymous).await.status(), 503);
    proxy.speaks_again();
    eventually("an answer", async || alice.get("/api/tasks").await.status() == 200).await;

    let limit = format!("alter database {} connection limit 1", world.database.name);
    superuser.batch_execute(&limit).await.expect("a limit");

    assert_eq!(next_health(&anonymous).await.status(), 200);
}
