//! Every answer is right, with several servers on few connections to Postgres.

use futures_util::future::join_all;
use serde_json::json;

use super::pgbouncer::PgBouncer;
use crate::world::{Answer, Database, Person, SECRET, Server};

/// Servers on one database, each behind the same PgBouncer.
async fn servers(bouncer: &PgBouncer, database: &Database, mode: &str) -> Vec<Server> {
    let url = bouncer.url(database, "rowkeep_login");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_STATEMENTS", mode),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_POOL_SIZE", "6"),
    ];
    join_all((0..2).map(|_| Server::start(&settings)))
        .await
        .into_iter()
        .map(|server| server.expect("a server"))
        .collect()
}

/// Each user creates, reads, completes and lists tasks on all servers in turn. Returns every answer that is not right.
async fn wrong_answers(servers: &[Server], users: usize, rounds: usize) -> Vec<(String, Answer)> {
    let all = join_all((0..users).map(|user| async move {
        let name = format!("user {user}");
        let people: Vec<_> = servers.iter().map(|server| Person::new(server.address, &name)).collect();
        let mut wrong = Vec::new();
        for round in 0..rounds {
            let person = &people[round % people.len()];
            let created = person.post("/api/tasks", json!({ "title": format!("{name} {round}") })).await;
            let status = created.status();
            if status != 201 || created.json()["user_id"] != json!(name) {
                wrong.push((format!("create: {name} {round}"), created));
                if status != 201 {
                    continue;
                }
            } else {
                let path = format!("/api/tasks/{}", created.json()["id"]);
                let read = person.get(&path).await;
                if read.status() != 200 || read.json() != created.json() {
                    wrong.push((format!("read: {name} {round}"), read));
                }
                let toggled = person.patch(&format!("{path}/complete"), json!({ "completed": true })).await;
                if toggled.status() != 200 || toggled.json()["completed"] != json!(true) {
                    wrong.push((format!("complete: {name} {round}"), toggled));
                }
            }
            let other = &people[(round + 1) % people.len()];
            let counted = other.get("/api/v1/tasks?limit=1000").await;
            let is_right = counted.status() == 200
                && counted.json().as_array().is_some_and(|tasks| {
                    tasks.len()
                        == round + 1 - wrong.iter().filter(|(what, _)| what.starts_with("create")).count()
                        && tasks.iter().all(|task| task["user_id"] == json!(name))
                });
            if !is_right {
                wrong.push((format!("list: {name} {round}"), counted));
            }
        }
        wrong
    }))
    .await;
    all.into_iter().flatten().collect()
}

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn two_servers_on_three_connections_answer_every_request_right() {
    for mode in ["unnamed", ""] {
        let (bouncer, database) = (PgBouncer::start(3, "").await, Database::new().await);
        let servers = servers(&bouncer, &database, mode).await;

        let wrong = wrong_answers(&servers, 12, 25).await;

        assert!(wrong.is_empty(), "{mode:?}: {} of 1200: {:?}", wrong.len(), wrong.first());
    }
}

/// This PgBouncer does not know prepared statements. Until the servers notice it, answers may be 503, and never wrong.
#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn servers_that_must_prepare_change_to_unnamed_statements_and_give_no_wrong_answer() {
    let (bouncer, database) = (PgBouncer::start(3, "").await, Database::new().await);
    let url = bouncer.url(&database, "rowkeep_login");
    let settings =
        [("DATABASE_URL", url.as_str()), ("DATABASE_STATEMENTS", "prepared"), ("BETTER_AUTH_SECRET", SECRET)];
    let servers = vec![
        Server::start(&settings).await.expect("a server"),
        Server::start(&settings).await.expect("a server"),
    ];

    let wrong = wrong_answers(&servers, 12, 25).await;

    assert!(wrong.iter().all(|(_, answer)| answer.status() == 503), "{:?}", wrong.first());
    assert!(wrong.len() < 60, "{} of 1200", wrong.len());
    for server in &servers {
        let said = server.log().into_iter().filter(|line| line.contains("DATABASE_STATEMENTS")).count();
        assert!(said >= 1, "nothing in the log");
    }
    let health = Person::with_token(servers[0].address, None).get("/health").await;
    assert_eq!(health.status(), 200);
    assert!(health.detail().contains("DATABASE_STATEMENTS=unnamed"), "{health:?}");
}
