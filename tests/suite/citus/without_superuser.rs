//! The whole way of docs/growth.md as a hosted service has it: nodes that are a cluster already, and no superuser.

use rowkeep::schema;
use serde_json::json;
use tokio_postgres::Client;

use super::placed;
use crate::operation::overload::eventually;
use crate::world::{Citus, Database, HOSTED, World};

/// A database of [`HOSTED`] on nodes that are a cluster, which that login has migrated. It has 100 tasks.
async fn hosted(citus: &'static Citus) -> Database {
    citus.make_hosted_login().await;
    let database = Database::empty_on(citus, HOSTED).await;
    citus.make_cluster(&database.name).await;
    schema::migrate(&database.address(HOSTED), false).await.expect("a migrated database");
    let insert = "insert into app.tasks (user_id, title)
                  select 'user' || u, 'task ' || t from generate_series(1, 20) u, generate_series(1, 5) t";
    database.superuser().await.batch_execute(insert).await.expect("rows");
    database
}

/// Moves a shard, or returns the message of the error. Citus cleans up after a move before that has failed, and lets no other one
/// begin meanwhile.
async fn moves(login: &Client, statement: &str) -> Result<(), String> {
    let mut moved = Ok(());
    eventually("no other move", async || {
        let ended = login.batch_execute(statement).await;
        moved = ended
            .map_err(|error| error.as_db_error().expect("an error of the database").message().to_owned());
        !moved.as_ref().is_err_and(|message| message.contains("could not acquire the lock"))
    })
    .await;
    moved
}

/// How many shards, and the table of the coordinator, have FORCE and a fence that is restrictive.
async fn protected(database: &Database) -> i64 {
    let protected = "select relrowsecurity and relforcerowsecurity and relowner = 'rowkeep_owner'::regrole
                            and exists (select from pg_policy where polrelid = c.oid and polname = 'fence' and not polpermissive)
                       from pg_class c where c.oid = ";
    let count = format!(
        "select (select count(*) from run_command_on_placements('app.tasks', $${protected} '%1$s'::regclass$$) where result = 't')
              + ({protected} 'app.tasks'::regclass)::integer"
    );
    database.superuser().await.query_one(&count, &[]).await.expect("a count").get(0)
}

async fn count(database: &Database) -> i64 {
    let count = "select count(*) from app.tasks";
    database.superuser().await.query_one(count, &[]).await.expect("a count").get(0)
}

/// Runs a script as [`HOSTED`], and returns what it prints.
async fn runs(citus: &Citus, database: &Database, script: &str, variables: &[&str]) -> String {
    let script = format!("sql/scale/{script}.sql");
    let output = citus.coordinator().psql_as(HOSTED, &database.name, &script, variables).await;
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_login_without_superuser_distributes_a_table_with_rows() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = hosted(citus).await;

    let said = runs(citus, &database, "citus", &[]).await;

    assert!(said.contains("app.tasks has 32 shards on 2 nodes"), "{said}");
    assert_eq!((protected(&database).await, count(&database).await), (33, 100));
    assert!(runs(citus, &database, "citus", &[]).await.contains("is distributed already"));
    let grant = format!("grant connect on database {} to rowkeep_login", database.name);
    database.client(HOSTED).await.batch_execute(&grant).await.expect("a grant");
    let world = World::on(database, &[]).await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
    assert_eq!(world.user("user1").get("/api/tasks").await.ids().len(), 5);
    assert_eq!(world.user("user1").post("/api/tasks", json!({ "title": "one" })).await.status(), 201);
}

/// Citus copies a shard as the login that moves it, and deletes the old one.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_login_that_the_policies_bind_cannot_move_a_shard_without_its_rows() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = hosted(citus).await;
    runs(citus, &database, "citus", &[]).await;
    let coordinator = database.superuser().await;
    let from = placed(&coordinator, "user1").await;
    let to = citus.workers().iter().find(|node| node.name() != from.address()).expect("another node");
    let variable = format!("to={}", to.name());
    let by_hand = format!(
        "select citus_move_shard_placement({}, '{}', {}, '{}', {}, 'block_writes')",
        from.shard, from.host, from.port, to.host, to.port
    );

    for (script, variables) in [("move_shard", vec!["user=user1", &variable]), ("rebalance", vec![])] {
        let said = citus.coordinator().refuses(HOSTED, &database.name, script, &variables).await;
        assert!(said.contains("so a move would lose them: see docs/growth.md"), "{script}: {said}");
    }
    for role in [HOSTED, "rowkeep_owner"] {
        let login = database.client(HOSTED).await;
        login.batch_execute(&format!("set role {role}")).await.expect("a role");
        let message = moves(&login, &by_hand).await.expect_err("a move without rows");
        assert!(message.contains("would be affected by row-level security policy"), "{role}: {message}");
    }
    assert_eq!(
        (count(&database).await, placed(&coordinator, "user1").await.address()),
        (100, from.address())
    );

    // As docs/growth.md says.
    let login = database.client(HOSTED).await;
    login.batch_execute("alter table app.tasks no force row level security").await.expect("no force");
    moves(&login, &by_hand).await.expect("a move");
    login.batch_execute("alter table app.tasks force row level security").await.expect("force");
    runs(citus, &database, "restore_fence", &[]).await;
    assert_eq!((count(&database).await, placed(&coordinator, "user1").await.address()), (100, to.name()));
    assert_eq!(protected(&database).await, 33);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_login_without_superuser_is_told_what_it_cannot_do_before_anything_changes() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = hosted(citus).await;
    let without = Database::empty_on(citus, HOSTED).await;
    schema::migrate(&without.address(HOSTED), false).await.expect("a migrated database");
    let grant = format!("grant connect on database {} to rowkeep_login", database.name);
    database.client(HOSTED).await.batch_execute(&grant).await.expect("a grant");
    let here = citus.coordinator();
    let (coordinator, worker) = (here.name(), citus.workers().first().expect("a node").name());

    let adds = "this login may not add nodes: the hosting service does";
    for (login, database, variables, sentence) in [
        (
            HOSTED,
            &without,
            vec![],
            "this database has no extension citus: a superuser, or the hosting service",
        ),
        (HOSTED, &database, vec![format!("coordinator={coordinator}")], adds),
        (HOSTED, &database, vec![format!("workers={worker}")], adds),
        (
            "rowkeep_login",
            &database,
            vec![],
            "this login needs CREATEROLE, and rowkeep_owner and rowkeep_api",
        ),
    ] {
        let variables: Vec<_> = variables.iter().map(String::as_str).collect();
        let said = here.refuses(login, &database.name, "citus", &variables).await;
        assert!(said.contains(sentence), "{login} {variables:?}: {said}");
    }
    let changed = "select has_column_privilege('rowkeep_api', 'app.tasks', 'user_id', 'insert')
                       or exists (select from pg_dist_partition where logicalrelid = 'app.tasks'::regclass)";
    let changed = database.superuser().await.query_one(changed, &[]).await.expect("a row");
    assert!(!changed.get::<_, bool>(0));
}
