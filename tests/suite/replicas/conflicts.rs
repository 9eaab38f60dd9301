//! The replay of the log can need what a query on the standby still reads, and cancels that query.

use std::time::{Duration, Instant};

use futures_util::future::join;

use super::trio::{PATIENT, Trio, catches_up};

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_read_that_the_replay_cancels_is_answered_by_the_primary() {
    let settings = "max_standby_streaming_delay = 0\nhot_standby_feedback = off\n";
    let trio = Trio::with(&[settings], &[PATIENT]).await;
    let primary = trio.primary.superuser("postgres").await;
    let insert = "insert into app.tasks (user_id, title, description)
                  select 'alice', 'task ' || number, repeat('x', 300) from generate_series(1, 60000) number";
    primary.batch_execute(insert).await.expect("tasks");
    catches_up(&trio.primary, &trio.replicas[0]).await;
    let alice = trio.other_device("alice");
    let until = Instant::now() + Duration::from_secs(30);

    // Dead rows that are removed while a search may still see them.
    let changes = async {
        while trio.reads("failed").await < 2.0 && Instant::now() < until {
            let change = "update app.tasks set completed = not completed where id % 100 = 0";
            primary.batch_execute(change).await.expect("dead rows");
            primary.batch_execute("vacuum app.tasks").await.expect("no dead rows");
        }
    };
    let searches = async {
        let mut answers = Vec::new();
        while trio.reads("failed").await < 2.0 && Instant::now() < until {
            answers.push(alice.get("/api/v1/tasks?q=xx9&count=true").await);
            answers.push(alice.get("/api/v1/tasks?q=task%2059999").await);
        }
        answers
    };
    let ((), answers) = join(changes, searches).await;

    assert!(trio.reads("failed").await >= 2.0, "no search was cancelled");
    // serialization_failure, "canceling statement due to conflict with recovery"
    let cancelled = |event: &serde_json::Value| {
        event["message"] == "a read goes to the primary"
            && event["error.message"].as_str().is_some_and(|cause| cause.starts_with("40001"))
    };
    trio.server.logs(cancelled).await;
    for (number, answer) in answers.iter().enumerate() {
        let found = if number % 2 == 0 { 0 } else { 1 };
        assert_eq!((answer.status(), answer.ids().len()), (200, found), "{answer:?}");
    }
    trio.uses(1).await;
}
