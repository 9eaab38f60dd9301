//! Shards move while their users work.

use std::sync::atomic::{AtomicBool, Ordering};

use rowkeep::session::connect_once;
use serde_json::json;

use super::{placed, with_tasks, without_event_triggers, world};
use crate::world::Citus;

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_shard_moves_while_its_user_writes_and_nothing_is_lost() {
    let Some((citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let from = placed(&coordinator, "user1").await;
    let to = citus.workers().iter().find(|node| node.name() != from.address()).expect("another node");
    let user = world.user("user1");
    let before = user.get("/api/tasks").await.ids().len();
    let is_moved = AtomicBool::new(false);

    let writes = async {
        let (mut made, mut refused) = (0, 0);
        while !is_moved.load(Ordering::Relaxed) || made < 20 {
            let answer = user.post("/api/tasks", json!({ "title": "written" })).await;
            match answer.status() {
                201 => made += 1,
                503 => refused += 1,
                other => panic!("{other}: {answer:?}"),
            }
        }
        (made, refused)
    };
    let moving = async {
        let to = format!("to={}", to.name());
        let said = citus.coordinator().runs(&world.database.name, "move_shard", &["user=user1", &to]).await;
        is_moved.store(true, Ordering::Relaxed);
        said
    };
    let ((made, refused), said) = tokio::join!(writes, moving);

    assert!(said.contains(&format!("moved shard {}", from.shard)), "{said}");
    assert_eq!(placed(&coordinator, "user1").await.address(), to.name());
    let after = coordinator.query_one("select count(*) from app.tasks where user_id = 'user1'", &[]).await;
    assert_eq!(after.expect("a count").get::<_, i64>(0), (before + made) as i64, "{refused} were refused");
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn moves_keep_the_fence_with_and_without_the_event_trigger() {
    let Some((citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let policies = "select count(*) from run_command_on_placements('app.tasks',
                        $$ select not polpermissive from pg_policy where polrelid = '%1$s'::regclass and polname = 'fence' $$) r
                     where r.result = 't'";
    let fenced = async || coordinator.query_one(policies, &[]).await.expect("a count").get::<_, i64>(0);
    let raw_move = async || {
        let from = placed(&coordinator, "user1").await;
        let to = citus.workers().iter().find(|node| node.name() != from.address()).expect("another node");
        let statement = format!(
            "select citus_move_shard_placement({}, '{}', {}, '{}', {}, 'block_writes')",
            from.shard, from.host, from.port, to.host, to.port
        );
        coordinator.batch_execute(&statement).await.expect("a move");
    };
    assert_eq!(fenced().await, 32);

    raw_move().await;
    assert_eq!(fenced().await, 32, "the event trigger keeps it");

    without_event_triggers(citus, &world.database).await;
    raw_move().await;
    assert_eq!(fenced().await, 31, "nothing keeps it");
    citus.coordinator().runs(&world.database.name, "rebalance", &[]).await;
    assert_eq!(fenced().await, 32, "the script restores it");
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_drained_node_gets_its_share_back_or_leaves_and_joins_anew() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let [one, others @ ..] = citus.workers() else { panic!("a worker") };
    let last = others.last().expect("another worker");
    let (drain, undrain) = (format!("drain={}", one.name()), format!("undrain={}", one.name()));
    let here = citus.coordinator();
    let coordinator = database.superuser().await;

    let said = here.runs(&database.name, "rebalance", &[&drain]).await;
    assert!(said.contains(&format!("{} has 0 shards", one.name())), "{said}");
    let said = here.runs(&database.name, "rebalance", &[]).await;
    assert!(said.contains(&format!("{} has 0 shards", one.name())), "{said}");
    for other in others {
        let drain = format!("drain={}", other.name());
        if other.name() == last.name() {
            let said = here.refuses("postgres", &database.name, "rebalance", &[&drain]).await;
            assert!(said.contains("no other node can take the shards: let one join first"), "{said}");
        } else {
            here.runs(&database.name, "rebalance", &[&drain]).await;
        }
    }
    let said = here.runs(&database.name, "rebalance", &[&undrain]).await;
    assert!(!said.contains(&format!("{} has 0 shards", one.name())), "{said}");

    // As docs/growth.md says, with nothing in between.
    here.runs(&database.name, "rebalance", &[&drain]).await;
    let remove = format!("select citus_remove_node('{}', {})", one.host, one.port);
    coordinator.batch_execute(&remove).await.expect("a node leaves");
    let elsewhere = connect_once(&one.address("postgres", "postgres")).await.expect("a connection");
    for statement in ["drop database NAME with (force)", "create database NAME"] {
        elsewhere.batch_execute(&statement.replace("NAME", &database.name)).await.expect(statement);
    }
    one.runs(&database.name, "citus_worker", &[]).await;
    here.runs(&database.name, "citus", &[&format!("workers={}", one.name())]).await;
    let said = here.runs(&database.name, "rebalance", &[]).await;
    assert!(!said.contains(&format!("{} has 0 shards", one.name())), "{said}");
    let rows = coordinator.query_one("select count(*) from app.tasks", &[]).await.expect("a count");
    assert_eq!(rows.get::<_, i64>(0), 100);
}
