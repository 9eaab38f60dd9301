//! Users of whom the statistics know nothing, beside somebody who owns almost the whole table.

use tokio_postgres::Client;

use super::question::{Depth, Question, Tasks};
use super::sea::server_connection;
use super::{FEW, prepare, run};
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
async fn whoever_comes_after_the_statistics_were_made_has_their_tasks_looked_up_in_an_index() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    has_tasks(&admin, "whale", 100_000).await;
    admin.batch_execute("vacuum analyze app.tasks").await.expect("statistics");
    has_tasks(&admin, "newcomer", 10).await;
    let ids = (100_001..=100_010).collect();
    let newcomer = Tasks { user: "newcomer".into(), ids };
    let client = server_connection(&database).await;
    let mut questions = Question::all();
    questions.retain(|question| !question.creates());
    prepare(&client, &questions).await;

    for question in &questions {
        let plan = run(&client, question, &newcomer, Depth::First).await;

        let scans = plan.scans();
        assert!(scans.iter().all(|scan| !scan.index.is_empty()), "{}: {scans:?}", question.name);
        assert!(plan.buffers() <= FEW, "{}: {} buffers", question.name, plan.buffers());
        assert!(plan.rows() > 0, "{} finds nothing", question.name);
    }
}
