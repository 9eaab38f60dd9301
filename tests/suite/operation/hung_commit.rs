//! A COMMIT that hangs: its standby does not answer. `statement_timeout` does not end this wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio_postgres::Client;

use super::overload::eventually;
use crate::world::{Answer, OwnCluster, Person, SECRET, Server, World};

/// A cluster of its own, whose settings a test may change.
async fn cluster() -> (OwnCluster, Client) {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    (cluster, admin)
}

async fn server(cluster: &OwnCluster, pool_size: &str) -> Server {
    let url = cluster.url("rowkeep_login", "postgres");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_POOL_SIZE", pool_size),
        ("REQUEST_TIMEOUT", "3"),
    ];
    Server::start(&settings).await.expect("a server")
}

/// Sets a parameter of the whole cluster; none: its default.
async fn set(admin: &Client, parameters: &[(&str, &str)]) {
    for (name, value) in parameters {
        admin.batch_execute(&format!("alter system set {name} = {value}")).await.expect("a setting");
    }
    admin.batch_execute("select pg_reload_conf()").await.expect("a reload");
}

/// The largest number of connections of the server, until `done`.
async fn most_backends(monitor: &Client, done: &AtomicBool) -> i64 {
    let mut most = 0;
    while !done.load(Ordering::Relaxed) {
        let sql = "select count(*) from pg_stat_activity where usename = 'rowkeep_login'";
        most = most.max(monitor.query_one(sql, &[]).await.expect("a number").get(0));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    most
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn commits_that_hang_are_not_known_and_open_no_connection_past_the_pool() {
    let (cluster, admin) = cluster().await;
    let monitor = cluster.superuser("postgres").await;
    let server = server(&cluster, "4").await;
    let people: Vec<_> = (0..6).map(|user| Person::new(server.address, &format!("user {user}"))).collect();
    set(&admin, &[("synchronous_commit", "on"), ("synchronous_standby_names", "'nobody'")]).await;
    let hangs = async || people[0].post("/api/tasks", json!({ "title": "one" })).await.status() == 503;
    eventually("commits hang", hangs).await;

    let done = AtomicBool::new(false);
    let requests = async {
        let all = people.iter().map(|person| async {
            let mut answers = Vec::new();
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(12) {
                answers.push(person.post("/api/tasks", json!({ "title": "one" })).await);
            }
            answers
        });
        let answers: Vec<Answer> = join_all(all).await.into_iter().flatten().collect();
        done.store(true, Ordering::Relaxed);
        answers
    };
    let (answers, most) = tokio::join!(requests, most_backends(&monitor, &done));
    set(&admin, &[("synchronous_standby_names", "''")]).await;

    assert!(most <= 4, "{most} connections");
    assert!(answers.iter().all(|answer| answer.status() == 503), "{answers:?}");
    let unknown = answers.iter().filter(|answer| answer.detail().contains("may have been made"));
    assert!(unknown.count() >= 3, "{answers:?}");
    let again = async || people[0].post("/api/tasks", json!({ "title": "two" })).await.status() == 201;
    eventually("commits work again", again).await;
}

/// A process that is stopped hears neither a cancel nor a terminate.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn backends_that_are_frozen_keep_their_places_until_they_end() {
    let (cluster, _) = cluster().await;
    let monitor = cluster.superuser("postgres").await;
    let server = server(&cluster, "3").await;
    let people: Vec<_> = (0..4).map(|user| Person::new(server.address, &format!("user {user}"))).collect();
    let both_are_open = async || {
        join_all(people.iter().map(|person| person.get("/api/tasks"))).await;
        let sql = "select count(*) from pg_stat_activity where usename = 'rowkeep_login'";
        monitor.query_one(sql, &[]).await.expect("a number").get::<_, i64>(0) == 2
    };
    eventually("both connections of requests are open", both_are_open).await;
    let signal = async |name: &str| {
        let sql = "select pid from pg_stat_activity where usename = 'rowkeep_login'";
        let rows = monitor.query(sql, &[]).await.expect("process ids");
        let pids: Vec<_> = rows.iter().map(|row| row.get::<_, i32>(0).to_string()).collect();
        let sent = tokio::process::Command::new("kill").arg("-s").arg(name).args(&pids).status().await;
        assert!(sent.expect("kill").success());
        pids.len()
    };

    let frozen = signal("STOP").await;
    let done = AtomicBool::new(false);
    let requests = async {
        for _ in 0..3 {
            let answers = join_all(people.iter().map(|person| person.get("/api/tasks"))).await;
            assert!(answers.iter().all(|answer| matches!(answer.status(), 200 | 503)), "{answers:?}");
        }
        done.store(true, Ordering::Relaxed);
    };
    let ((), most) = tokio::join!(requests, most_backends(&monitor, &done));
    signal("CONT").await;

    assert_eq!(frozen, 2);
    assert!(most <= 3, "{most} connections");
    eventually("an answer", async || people[0].get("/api/tasks").await.status() == 200).await;
}

/// A distributed database can lose a node while it commits, and report that on a connection that stays. PostgreSQL alone rolls
/// back when a COMMIT fails: with these codes that is not known.
#[tokio::test]
async fn a_commit_that_fails_says_whether_the_change_may_have_been_made() {
    let world = World::new().await;
    let alice = world.user("alice");
    // The title is the code of the error.
    let late = "create function app.late() returns trigger language plpgsql as $$
                begin raise 'too late' using errcode = new.title; end $$;
                create constraint trigger late after insert on app.tasks deferrable initially deferred
                    for each row execute function app.late()";
    world.database.superuser().await.batch_execute(late).await.expect("a constraint that COMMIT checks");

    for code in ["08006", "08000", "57014", "57P03", "58030", "XX000"] {
        let answer = alice.post("/api/tasks", json!({ "title": code })).await;
        assert_eq!(answer.status(), 503, "{code}: {answer:?}");
        assert!(answer.detail().contains("may have been made"), "{code}: {answer:?}");
    }
    for code in ["40001", "40P01", "53100"] {
        let answer = alice.post("/api/tasks", json!({ "title": code })).await;
        assert_eq!(answer.status(), 503, "{code}: {answer:?}");
        assert!(answer.detail().contains("Nothing was changed"), "{code}: {answer:?}");
    }
    assert_eq!(alice.post("/api/tasks", json!({ "title": "P0001" })).await.status(), 500);
    assert_eq!(alice.get("/api/tasks").await.ids(), [0; 0]);
}
