//! Rowkeep on a distributed database: a cluster of Citus that `CITUS_URLS` names (docs/growth.md). Without it these tests are
//! skipped, and one line says so. `make test-citus` runs them, and the tests of isolation on a distributed database.

mod fence;
mod migrations;
mod nodes;
mod pooler;
mod routing;
mod scripts;
mod shard_moves;
mod without_superuser;

use tokio_postgres::Client;

use crate::world::{Citus, Database, World};

/// A distributed database, with the task of each of these users.
async fn with_tasks(citus: &'static Citus) -> Database {
    let database = Database::distributed(citus).await;
    let insert = "insert into app.tasks (user_id, title)
                  select 'user' || u, 'task ' || t from generate_series(1, 20) u, generate_series(1, 5) t";
    database.superuser().await.batch_execute(insert).await.expect("rows");
    database
}

/// A server on a distributed database. None if there is no cluster.
async fn world() -> Option<(&'static Citus, World)> {
    let citus = Citus::at_hand().await?;
    Some((citus, World::on(with_tasks(citus).await, &[("LOG_LEVEL", "info")]).await))
}

/// A node of the database, as its coordinator names it.
struct Placed {
    host: String,
    port: i32,
    shard: i64,
}

impl Placed {
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Where the tasks of a user are.
async fn placed(coordinator: &Client, user: &str) -> Placed {
    let find = "select s.nodename::text, s.nodeport, s.shardid
                  from citus_shards s
                 where s.table_name = 'app.tasks'::regclass
                   and s.shardid = get_shard_id_for_distribution_column('app.tasks', $1::text)";
    let row = coordinator.query_one(find, &[&user]).await.expect("a shard");
    Placed { host: row.get(0), port: row.get(1), shard: row.get(2) }
}

/// Runs a statement on one shard, as a superuser. `SHARD` is its name.
async fn on_shard(coordinator: &Client, placed: &Placed, statement: &str) {
    let statement = statement.replace("SHARD", &format!("app.tasks_{}", placed.shard));
    let run = "select success, result from master_run_on_worker(array[$1::text], array[$2::integer], array[$3::text], false)";
    let row = coordinator.query_one(run, &[&placed.host, &placed.port, &statement]).await.expect("an answer");
    assert!(row.get::<_, bool>(0), "{}", row.get::<_, String>(1));
}

/// As it is where nobody may make an event trigger.
async fn without_event_triggers(citus: &Citus, database: &Database) {
    for node in citus.nodes() {
        let client = rowkeep::session::connect_once(&node.address("postgres", &database.name)).await;
        let drop = "drop event trigger if exists rowkeep_keep_fence";
        client.expect("a connection").batch_execute(drop).await.expect("no event trigger");
    }
}

/// Loses the fence of a shard: it is one more permissive policy then, as Citus copies it.
const LOSE_FENCE: &str = "do $$ begin
    drop policy fence on SHARD;
    create policy fence on SHARD using (user_id = app.current_user_id()) with check (user_id = app.current_user_id());
end $$";
