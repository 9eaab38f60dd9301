//! `GET /health`: whether requests can be answered and the tables are protected, at this moment.

use futures_util::future::join_all;
use serde_json::json;

use crate::world::{Person, World};

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
        let open = anonymous.get("/health").await;
        superuser.batch_execute(closes).await.expect("full protection");
        let closed = anonymous.get("/health").await;

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
    assert!(event["problem"].as_str().expect("a problem").contains("row security"), "{event}");
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
async fn many_health_requests_at_once_use_one_database_connection() {
    // With a minimum of idle connections the pool would open a second one while the first is in use.
    let world = World::with(&[("DATABASE_POOL_MIN_IDLE", "0")]).await;
    let superuser = world.database.superuser().await;
    let sql = "select count(*), min(backend_start)::text from pg_stat_activity
                where datname = current_database() and usename = 'rowkeep_login'";
    let count =
        async || superuser.query_one(sql, &[]).await.map(|row| (row.get(0), row.get(1))).expect("a row");
    let mut before: (i64, String) = count().await;
    while before.0 > 1 {
        // The connection of the checks at start has not ended yet.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        before = count().await;
    }

    let anonymous = world.anonymous();
    let answers = join_all((0..200).map(|_| anonymous.get("/health"))).await;

    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(before.0, 1);
    assert_eq!(count().await, before);
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
