//! One user cannot take the turns of the others.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use super::overload::eventually;
use crate::world::{Database, World};

/// The table of a greedy user's requests is locked by nobody: their own slow requests are the load.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn twenty_modest_users_are_served_beside_a_greedy_one() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    // Each count of the greedy user takes a while.
    let fill = "begin; select app.identify('greedy'); reset role; set local row_security = off;
                insert into app.tasks (user_id, title) select 'greedy', 'task ' || n from generate_series(1, 100000) n;
                commit";
    admin.batch_execute(fill).await.expect("rows");
    let world = World::on(database, &[]).await;
    let greedy = world.user("greedy");
    let modest: Vec<_> = (0..20).map(|user| world.user(&format!("user {user}"))).collect();

    let path = "/api/v1/tasks?count=true&q=7&sort=title";
    let load = join_all((0..50).map(|_| async {
        for _ in 0..3 {
            let answer = greedy.get(path).await;
            assert!(matches!(answer.status(), 200 | 503), "{answer:?}");
        }
    }));
    let others = join_all(modest.iter().map(|user| async {
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(user.get("/api/tasks").await.status());
        }
        statuses
    }));
    let (_, statuses) = tokio::join!(load, others);

    assert!(statuses.iter().flatten().all(|status| *status == 200), "{statuses:?}");
}

/// Half of eight connections, and a queue of its own: what waits behind the lock is at most that.
#[tokio::test]
async fn one_user_holds_at_most_half_of_the_connections() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let long = format!("alter role rowkeep_login in database {} set lock_timeout = '1min'", database.name);
    admin.batch_execute(&long).await.expect("a setting");
    let monitor = database.superuser().await;
    let world = World::on(database, &[("REQUEST_TIMEOUT", "60")]).await;
    let (greedy, bob) = (world.user("greedy"), world.user("bob"));
    let task = greedy.creates(json!({ "title": "one" })).await;
    bob.creates(json!({ "title": "one" })).await;
    // Only the greedy user's changes wait.
    admin
        .batch_execute(&format!("begin; select from app.tasks where id = {} for update", task["id"]))
        .await
        .expect("a lock");
    let waiting = async || {
        let sql = "select count(*) from pg_stat_activity
                    where datname = current_database() and usename = 'rowkeep_login' and wait_event_type = 'Lock'";
        monitor.query_one(sql, &[]).await.expect("a number").get::<_, i64>(0)
    };

    let path = format!("/api/tasks/{}/complete", task["id"]);
    let changes = join_all((0..20).map(|_| greedy.patch(&path, json!({ "completed": true }))));
    let other = async {
        eventually("four changes wait", async || waiting().await == 4).await;
        let list = timeout(Duration::from_secs(10), bob.get("/api/tasks")).await.expect("an answer in time");
        let most = waiting().await;
        admin.batch_execute("rollback").await.expect("no lock");
        (list, most)
    };
    let (changes, (list, most)) = tokio::join!(changes, other);

    assert_eq!((list.status(), most), (200, 4));
    assert!(changes.iter().all(|change| change.status() == 200), "{changes:?}");
}
