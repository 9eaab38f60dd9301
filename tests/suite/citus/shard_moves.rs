//! Shards move while their users work.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{placed, without_event_triggers, world};

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
