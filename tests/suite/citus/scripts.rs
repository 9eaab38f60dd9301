//! `sql/scale`: what the scripts say, and that they can be repeated.

use super::with_tasks;
use crate::world::{Citus, Database, World};

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn the_scripts_can_be_repeated() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;

    for worker in citus.workers() {
        worker.runs(&database.name, "citus_worker", &[]).await;
    }
    let said = citus.coordinator().runs(&database.name, "citus", &[]).await;

    assert!(said.contains("is distributed already"), "{said}");
    assert!(said.contains("app.tasks has 100 rows in 32 shards on 2 nodes"), "{said}");
    for worker in citus.workers() {
        assert!(said.contains(&format!("{} keeps the fence: yes", worker.name())), "{said}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_script_stops_with_a_sentence_where_something_is_missing() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = citus.coordinator();
    let somewhere = format!("to={}", citus.workers().first().expect("a node").name());

    for (database, script, variables, sentence) in [
        (
            "postgres",
            "citus",
            vec![],
            "there is no table app.tasks: run `rowkeep migrate` on the coordinator first",
        ),
        ("postgres", "restore_fence", vec![], "there is no table app.tasks"),
        (&database.name, "move_shard", vec!["user=user1"], "say where to: -v to=HOST:PORT"),
        (
            &database.name,
            "move_shard",
            vec![&somewhere],
            "say which shard: -v user=USER_ID or -v shard=NUMBER",
        ),
        (&database.name, "move_shard", vec!["shard=1", &somewhere], "app.tasks has no such shard"),
        (&database.name, "move_shard", vec!["user=user1", "to=nowhere:1"], "no node has this address"),
        (&database.name, "rebalance", vec!["drain=nowhere:1"], "no node has this address"),
    ] {
        let output = coordinator.psql(database, &format!("sql/scale/{script}.sql"), &variables).await;

        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{script} {variables:?}: {said}");
        assert!(said.contains(sentence), "{script} {variables:?}: {said}");
    }
}

/// As in a hosted service: the nodes are a cluster before `rowkeep migrate`, and nobody may make an event trigger there.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_database_of_nodes_that_are_a_cluster_already_is_served_without_event_triggers() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = Database::on_ready_nodes(citus).await;

    let world = World::on(database, &[]).await;

    assert_eq!(world.anonymous().get("/health").await.status(), 200);
    assert_eq!(
        world.user("alice").post("/api/tasks", serde_json::json!({ "title": "one" })).await.status(),
        201
    );
}
