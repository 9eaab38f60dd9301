//! The limit for whole transactions, which PostgreSQL 17 brought. A statement that exceeds it ends the connection.
//!
//! The program lifts it, and other time limits of the login, for what may take longer than a request.

use std::time::Duration;

use serde_json::json;

use super::audit::audit;
use super::program::Program;
use crate::world::{OwnCluster, Person, SECRET, Server, releases};

/// A migrated cluster of each release that has the limit.
async fn clusters() -> Vec<(u32, OwnCluster)> {
    let mut clusters = Vec::new();
    for major in releases().into_iter().filter(|&major| major >= 17) {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        clusters.push((major, cluster));
    }
    assert!(!clusters.is_empty());
    clusters
}

/// A lock makes the reading of the catalogues take longer, and a trigger makes each insert of the proof do so.
#[tokio::test]
#[ignore = "needs PostgreSQL 17 and 18: `make test-all`"]
async fn the_audit_does_not_end_at_it() {
    for (major, cluster) in clusters().await {
        let admin = cluster.superuser("postgres").await;
        let slow = "create function public.pause() returns trigger language plpgsql
                        as 'begin perform pg_sleep(1.2); return new; end';
                    create trigger pause before insert on app.tasks for each row execute function public.pause();
                    alter role postgres set transaction_timeout = '1s'";
        admin.batch_execute(slow).await.expect("a trigger and a limit");
        let lock = "begin; lock table app.tasks in access exclusive mode";
        let release = async || {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            admin.batch_execute("rollback").await.expect("no lock");
        };
        let script = format!("{}/sql/audit.sql", env!("CARGO_MANIFEST_DIR"));
        let arguments = ["-q", "-t", "-A", "-f", &script];
        let url = cluster.url("postgres", "postgres");

        admin.batch_execute(lock).await.expect("a lock");
        let (program, ()) = tokio::join!(audit(&url).run(), release());
        admin.batch_execute(lock).await.expect("a lock");
        let (psql, ()) = tokio::join!(cluster.psql("postgres", &arguments), release());

        // The only FAIL is about the trigger, and the proof took place.
        assert!(program.out.contains(" facts: 1 FAIL, "), "PostgreSQL {major}: {program:?}");
        assert!(program.out.contains("app.tasks: 14 of 14 statements"), "PostgreSQL {major}: {program:?}");
        let report = String::from_utf8_lossy(&psql.stdout);
        assert!(report.contains(" facts: 1 FAIL, "), "PostgreSQL {major}: {psql:?}");
    }
}

/// Each index takes longer than the login may.
#[tokio::test]
#[ignore = "needs PostgreSQL 17 and 18: `make test-all`"]
async fn a_migration_does_not_end_at_the_time_limits_of_its_login() {
    for major in releases().into_iter().filter(|&major| major >= 17) {
        for limit in ["statement_timeout", "transaction_timeout"] {
            let cluster = OwnCluster::of_release(major).await;
            let slow = format!(
                "create function pause() returns event_trigger language plpgsql as 'begin perform pg_sleep(1.2); end';
                 create event trigger pause on ddl_command_end when tag in ('CREATE INDEX') execute function pause();
                 alter role postgres set {limit} = '1s'"
            );
            cluster.superuser("postgres").await.batch_execute(&slow).await.expect("a trigger and a limit");

            let url = cluster.url("postgres", "postgres");
            let settings = [("ENVIRONMENT", "production"), ("MIGRATION_DATABASE_URL", &*url)];
            let ended = Program::new(&["migrate"]).with(&settings).run().await;

            assert_eq!(ended.code, Some(0), "PostgreSQL {major}, {limit}: {ended:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL 17 and 18: `make test-all`"]
async fn a_request_that_exceeds_it_may_be_sent_again() {
    for (major, cluster) in clusters().await {
        let admin = cluster.superuser("postgres").await;
        let limit = "alter role rowkeep_login set transaction_timeout = '1500ms'";
        admin.batch_execute(limit).await.expect("a limit");
        let url = cluster.url("rowkeep_login", "postgres");
        let server = Server::start(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await;
        let server = server.expect("a server");
        let alice = Person::new(server.address, "alice");
        let task = alice.creates(json!({ "title": "one" })).await;
        admin.batch_execute("begin; select from app.tasks for update").await.expect("a lock");

        let path = format!("/api/tasks/{}", task["id"]);
        let answer = alice.put(&path, json!({ "title": "two" })).await;

        assert_eq!(answer.status(), 503, "PostgreSQL {major}: {answer:?}");
        assert!(!answer.header("retry-after").is_empty(), "PostgreSQL {major}: {answer:?}");
        let ended = |event: &serde_json::Value| {
            event["error.message"].as_str().is_some_and(|message| message.starts_with("25P04"))
        };
        server.logs(ended).await;
        admin.batch_execute("rollback").await.expect("no lock");
        tokio::time::timeout(Duration::from_secs(10), async {
            while alice.put(&path, json!({ "title": "three" })).await.status() != 200 {}
        })
        .await
        .expect("an answer");
    }
}
