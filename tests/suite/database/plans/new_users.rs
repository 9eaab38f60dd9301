//! Users whom the statistics do not know, beside a user who owns almost the whole table.

use tokio_postgres::Client;

use super::large_table::server_connection;
use super::query::{Depth, Query, Tasks};
use super::{MAX_BUFFERS_OF_A_PAGE, prepare, run};
use crate::world::Database;

async fn has_tasks(admin: &Client, user: &str, number: u32) {
    let insert = format!(
        "insert into app.tasks (user_id, title, completed, created_at, updated_at)
         select '{user}', 'task ' || n, n % 3 = 0, now(), now() from generate_series(1, {number}) n"
    );
    admin
        .batch_execute("set session_replication_role = replica")
        .await
        .expect("no trigger, which takes its time");
    admin.batch_execute(&insert).await.expect("tasks");
}

#[tokio::test]
async fn a_user_who_came_after_the_statistics_is_served_by_an_index() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    has_tasks(&admin, "large", 100_000).await;
    admin.batch_execute("vacuum analyze app.tasks").await.expect("statistics");
    has_tasks(&admin, "newcomer", 10).await;
    let ids = (100_001..=100_010).collect();
    let newcomer = Tasks { user: "newcomer".into(), ids };
    let client = server_connection(&database).await;
    let mut queries = Query::all();
    queries.retain(|query| !query.creates());
    prepare(&client, &queries).await;

    for query in &queries {
        let plan = run(&client, query, &newcomer, Depth::First).await;

        let scans = plan.scans();
        assert!(scans.iter().all(|scan| !scan.index.is_empty()), "{}: {scans:?}", query.name);
        assert!(plan.buffers() <= MAX_BUFFERS_OF_A_PAGE, "{}: {} buffers", query.name, plan.buffers());
        assert!(plan.rows() > 0, "{} finds nothing", query.name);
    }
}
