//! A server whose database differs from its release logs a warning at start, and serves.

use crate::world::{Database, World};

async fn warnings_after(change: &str) -> Vec<String> {
    let database = Database::new().await;
    database
        .superuser()
        .await
        .batch_execute(change)
        .await
        .unwrap_or_else(|error| panic!("{change}: {error:?}"));
    let world = World::on(database, &[]).await;
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200, "{change}");

    let events = world.server.log().into_iter().filter_map(|line| serde_json::from_str(&line).ok());
    let warnings = events.filter(|event: &serde_json::Value| event["message"] == "`rowkeep audit` fails");
    warnings.map(|event| event["rowkeep.finding"].as_str().expect("a fact").to_owned()).collect()
}

#[tokio::test]
async fn an_unchanged_database_gives_no_warning() {
    assert_eq!(warnings_after("select 1").await, [""; 0]);
}

#[tokio::test]
async fn each_change_by_hand_is_a_warning_at_start() {
    let change = "drop index app.tasks_pending_idx; grant truncate on app.tasks to rowkeep_auditor";

    assert_eq!(
        warnings_after(change).await,
        [
            "RK-503 grants truncate on app.tasks to rowkeep_auditor: empties the table, and no policy applies",
            "RK-902 drift index app.tasks_pending_idx is declared, but does not exist",
        ]
    );
}
