//! Connections that hang while they are opened: nobody knows their backends yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use super::database_proxy::Proxy;
use super::health::next_health;
use super::overload::eventually;
use crate::world::{Database, OwnCluster, Person, SECRET, Server, World};

/// Lists tasks for five seconds and looks at `/health`, again and again.
async fn requests(people: &[Person], anonymous: &Person, done: &AtomicBool) {
    let started = Instant::now();
    let lists = people.iter().chain([anonymous]).map(|person| async move {
        while started.elapsed() < Duration::from_secs(5) {
            let path = if person.id.is_empty() { "/health" } else { "/api/tasks" };
            let answer = person.get(path).await;
            assert!(matches!(answer.status(), 200 | 503), "{answer:?}");
        }
    });
    join_all(lists).await;
    done.store(true, Ordering::Relaxed);
}

/// A login reads `pg_authid`, so it waits for a lock on that table and hears nothing of its client meanwhile.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn logins_that_hang_open_no_connection_past_the_pool() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let url = cluster.url("rowkeep_login", "postgres");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_POOL_SIZE", "3"),
        ("REQUEST_TIMEOUT", "2"),
    ];
    let server = Server::start(&settings).await.expect("a server");
    let people: Vec<_> = (0..4).map(|user| Person::new(server.address, &format!("user {user}"))).collect();
    let file = admin.query_one("select pg_read_file('postmaster.pid')", &[]).await.expect("a file");
    let postmaster = file.get::<_, String>(0).lines().next().expect("a process id").to_owned();
    let backends = || {
        let mut children = std::process::Command::new("ps");
        children.args(["--no-headers", "-o", "args", "--ppid"]).arg(&postmaster);
        String::from_utf8_lossy(&children.output().expect("ps").stdout)
            .lines()
            .filter(|line| line.contains("rowkeep_login") || line.contains("authentication"))
            .count()
    };

    admin
        .batch_execute(
            "begin; lock table pg_authid in access exclusive mode;
             select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rowkeep_login'",
        )
        .await
        .expect("a lock");
    let done = AtomicBool::new(false);
    let most = async {
        let mut most = 0;
        while !done.load(Ordering::Relaxed) {
            most = most.max(backends());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        most
    };
    let anonymous = Person::with_token(server.address, None);
    let ((), most) = tokio::join!(requests(&people, &anonymous, &done), most);
    admin.batch_execute("rollback").await.expect("no lock");

    assert!((1..=3).contains(&most), "{most} backends");
    eventually("an answer", async || people[0].get("/api/tasks").await.status() == 200).await;
    eventually("health", async || next_health(&anonymous).await.status() == 200).await;
}

/// Postgres gets the logins here, and its answers are lost.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_network_that_loses_answers_opens_no_connection_past_the_pool() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_POOL_SIZE", "3"), ("REQUEST_TIMEOUT", "2")];
    let world = World::on(database, &settings).await;
    let people: Vec<_> = (0..4).map(|user| world.user(&format!("user {user}"))).collect();
    let task = people[0].creates(json!({ "title": "one" })).await;
    let monitor = world.database.superuser().await;
    let anonymous = world.anonymous();

    // A login that begins in the last moment of the silence is not known to be lost, and keeps its place for a minute. That is
    // rare, so one of several silences must end well before.
    let mut recovers = false;
    for _ in 0..3 {
        proxy.falls_silent();
        let done = AtomicBool::new(false);
        let most = async {
            let mut most: i64 = 0;
            while !done.load(Ordering::Relaxed) {
                let sql = "select count(*) from pg_stat_activity
                            where usename = 'rowkeep_login' and datname = current_database()";
                most = most.max(monitor.query_one(sql, &[]).await.expect("a number").get(0));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            most
        };
        let ((), most) = tokio::join!(requests(&people, &anonymous, &done), most);
        proxy.speaks_again();

        assert!((1..=3).contains(&most), "{most} backends");
        let again = async || eventually("an answer", async || status(&people[0]).await == 200).await;
        recovers = timeout(Duration::from_secs(40), again()).await.is_ok();
        if recovers {
            break;
        }
        again().await;
    }

    assert!(recovers, "not before the time for a login has passed");
    assert_eq!(people[0].reads(&task["id"]).await["title"], "one");
    eventually("health", async || next_health(&anonymous).await.status() == 200).await;
}

async fn status(person: &Person) -> u16 {
    person.get("/api/tasks").await.status()
}
