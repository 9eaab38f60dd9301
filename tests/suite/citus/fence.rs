//! Citus copies a restrictive policy as a permissive one. Then one mistaken policy shows every row.

use std::collections::BTreeSet;
use std::time::Duration;

use rowkeep::audit::audit;

use super::{LOSE_FENCE, on_shard, placed, with_tasks, without_event_triggers, world};
use crate::database::support::begin_as;
use crate::world::{Citus, Database};

const MISTAKE: &str = "create policy mistake on app.tasks for select to rowkeep_api using (true)";

/// The users whose rows a session of this user sees, without a filter.
async fn seen_by(database: &Database, user: &str) -> BTreeSet<String> {
    let client = database.client("rowkeep_login").await;
    client.batch_execute("set citus.propagate_set_commands = 'local'").await.expect("a setting");
    begin_as(&client, user).await;
    let rows = client.query("select distinct user_id from app.tasks", &[]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_mistaken_policy_shows_nobody_another_users_rows() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = database.superuser().await;

    coordinator.batch_execute(MISTAKE).await.expect("a policy");

    assert_eq!(seen_by(&database, "user1").await, ["user1".to_owned()].into());
    assert_eq!(seen_by(&database, "nobody").await, BTreeSet::new());

    // It proves something: without the fence the same policy shows every row.
    without_event_triggers(citus, &database).await;
    on_shard(&coordinator, &placed(&coordinator, "user1").await, LOSE_FENCE).await;
    assert!(seen_by(&database, "nobody").await.contains("user1"));
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_shard_that_lost_its_fence_is_named_and_refused_until_it_is_restored() {
    let Some((citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let lost = placed(&coordinator, "user1").await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
    without_event_triggers(citus, &world.database).await;

    on_shard(&coordinator, &lost, LOSE_FENCE).await;

    tokio::time::sleep(Duration::from_secs(1)).await; // the last look is used again until then
    assert_eq!(world.anonymous().get("/health").await.status(), 503);
    let line = world.server.logs(|event| event["message"] == "unhealthy").await;
    let problem = line["error.message"].as_str().expect("a text").to_owned();
    assert!(
        problem.starts_with(&format!("node {}: app.tasks_{}: ", lost.address(), lost.shard)),
        "{problem}"
    );
    let report = audit(&world.database.address("rowkeep_login")).await.expect("a report").to_string();
    let finding = format!("RK-341 shards      app.tasks_{} on {}: its fence", lost.shard, lost.address());
    assert!(report.contains(&format!("FAIL     {finding}")), "{report}");

    citus.coordinator().runs(&world.database.name, "restore_fence", &[]).await;

    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn other_losses_of_a_shard_are_seen_by_health_and_audit() {
    let Some((_citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let lost = placed(&coordinator, "user1").await;

    for (loss, undo) in [
        ("alter table SHARD no force row level security", "alter table SHARD force row level security"),
        ("alter table SHARD disable row level security", "alter table SHARD enable row level security"),
        ("alter table SHARD disable trigger user", "alter table SHARD enable trigger user"),
        ("alter table SHARD owner to postgres", "alter table SHARD owner to rowkeep_owner"),
    ] {
        on_shard(&coordinator, &lost, loss).await;

        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.anonymous().get("/health").await.status(), 503, "{loss}");
        let report = audit(&world.database.address("rowkeep_login")).await.expect("a report").to_string();
        assert!(
            report.contains(&format!("FAIL     RK-341 shards      app.tasks_{} on", lost.shard)),
            "{report}"
        );

        on_shard(&coordinator, &lost, undo).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn the_audit_of_a_distributed_database_has_no_finding_that_fails() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;

    for login in ["rowkeep_login", "postgres"] {
        let report = audit(&database.address(login)).await.expect("a report");

        assert_eq!(report.failing(), [""; 0], "{login}:\n{report}");
        let text = report.to_string();
        assert!(text.contains("OK       RK-341 shards      32 shards on 2 nodes"), "{text}");
        assert!(text.contains("isolation: HELD"), "{text}");
    }
}
