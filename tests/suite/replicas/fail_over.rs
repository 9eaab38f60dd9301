//! After a fail-over only what follows the new primary is read.

use serde_json::json;

use super::trio::{PATIENT, Trio, catches_up, clusters, url};
use crate::operation::overload::eventually;

/// One replica becomes the primary, and the other one still follows the old primary until somebody changes that.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn after_a_fail_over_a_replica_is_read_again_when_it_follows_the_new_primary() {
    let (primary, replicas) = clusters(&["", ""]).await;
    let [old, new] = [&primary, &replicas[0]].map(|cluster| cluster.socket_directory());
    let both = format!(
        "host='{},{}' port=5432,5432 dbname=postgres user=rowkeep_login",
        old.display(),
        new.display()
    );
    let urls = [url(&replicas[0]), url(&replicas[1])].join(";");
    let mut trio = Trio::of(primary, replicas, &urls, &[("DATABASE_URL", both.as_str()), PATIENT]).await;
    trio.uses(1).await;
    trio.uses(2).await;
    let alice = trio.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].clone();
    for replica in &trio.replicas {
        catches_up(&trio.primary, replica).await;
    }

    trio.primary.kill();
    trio.replicas[0].promote().await;
    eventually("the new primary takes changes", async || {
        alice.put(&format!("/api/tasks/{id}"), json!({ "title": "two" })).await.status() == 200
    })
    .await;
    for _ in 0..10 {
        assert_eq!(alice.reads(&id).await["title"], "two");
    }
    trio.leaves_out(1, "not_a_standby").await;

    // The other one has the log up to the fail-over, and must not count as one that has what came after.
    let fresh = trio.other_device("alice");
    for _ in 0..10 {
        assert_eq!(fresh.reads(&id).await["title"], "two");
    }
    trio.leaves_out(2, "other_timeline").await;

    let replica = trio.replicas[1].superuser("postgres").await;
    let follow =
        format!("alter system set primary_conninfo = 'host={} port=5432 user=postgres'", new.display());
    replica.batch_execute(&follow).await.expect("a setting");
    replica.batch_execute("select pg_reload_conf()").await.expect("a reload");
    catches_up(&trio.replicas[0], &trio.replicas[1]).await;
    replica.batch_execute("checkpoint").await.expect("a restartpoint");
    trio.uses(2).await;

    let on_replicas = trio.reads("replica").await;
    eventually("reads go to the replica again", async || {
        assert_eq!(alice.reads(&id).await["title"], "two");
        trio.reads("replica").await > on_replicas
    })
    .await;
}
