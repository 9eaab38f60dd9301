//! Many queries at once that read all tasks of a user.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::overload::eventually;
use crate::world::{Database, World};

#[tokio::test]
async fn full_scans_of_two_users_wait_for_one_another_and_leave_connections_to_other_queries() {
    let database = Database::new().await;
    // The recommended login stops waiting for a lock after two seconds.
    let long_timeout =
        format!("alter role rowkeep_login in database {} set lock_timeout = '1min'", database.name);
    database.superuser().await.batch_execute(&long_timeout).await.expect("a setting");
    let world = World::on(
        database,
        &[("DATABASE_POOL_SIZE", "8"), ("DATABASE_POOL_MIN_IDLE", "8"), ("REQUEST_TIMEOUT", "60")],
    )
    .await;
    let (alice, bob, carol) = (world.user("alice"), world.user("bob"), world.user("carol"));
    alice.creates(json!({ "title": "buy milk" })).await;
    carol.creates(json!({ "title": "buy milk" })).await;
    let (admin, monitor) = (world.database.superuser().await, world.database.superuser().await);
    let sessions = "select count(*) from pg_stat_activity
                     where datname = current_database() and usename = 'rowkeep_login' and ";
    let sessions = async |which: &str| {
        let row = monitor.query_one(&format!("{sessions}{which}"), &[]).await.expect("a number");
        row.get::<_, i64>(0)
    };
    let held = async || sessions("wait_event_type = 'Lock'").await;
    // A connection that is opened while the table is locked would wait as well.
    eventually("every connection is ready", async || sessions("state = 'idle'").await == 7).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    admin.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");

    let queries = [
        "q=milk",
        "sort=title",
        "sort=-updated_at",
        "sort=id&q=m&count=true",
        "count=true&q=k",
        "sort=-title",
    ];
    let users = [&alice, &carol].into_iter().cycle();
    let scans = join_all(queries.into_iter().zip(users).map(|(query, user)| {
        let path = format!("/api/v1/tasks?{query}");
        async move { user.get(&path).await }
    }));
    let others = async {
        eventually("two full scans wait for the lock", async || held().await == 2).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let scanning = held().await;
        let (list, ()) = tokio::join!(bob.get("/api/tasks"), async {
            eventually("a list waits for the lock beside them", async || held().await == 3).await;
            admin.batch_execute("rollback").await.expect("no lock");
        });
        (scanning, list)
    };
    let (answers, (scanning, list)) = tokio::join!(scans, others);

    assert_eq!(scanning, 2, "full scans use a quarter of the connections");
    assert_eq!(list.status(), 200);
    for (answer, query) in answers.iter().zip(queries) {
        assert_eq!((answer.status(), answer.ids().len()), (200, 1), "{query}: {answer:?}");
    }
}
