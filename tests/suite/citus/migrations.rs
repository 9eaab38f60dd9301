//! `rowkeep migrate` on a distributed database.

use rowkeep::audit::{audit, repair_objects};
use rowkeep::schema::{MigrateOptions, migrate, migrate_with, statements};

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{on_shard, placed, with_tasks, without_event_triggers, world};
use crate::operation::overload::eventually;
use crate::world::{Citus, World};

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn policies_can_be_applied_again_while_requests_are_served() {
    let Some((_citus, world)) = world().await else { return };

    let migrated = migrate(&world.database.address("postgres"), true).await.expect("policies");

    assert!(migrated.policies);
    let created = world.user("user1").post("/api/tasks", json!({ "title": "one" })).await;
    assert_eq!(created.status(), 201, "{created:?}");
    let report = audit(&world.database.address("rowkeep_login")).await.expect("a report");
    assert_eq!(report.failing(), [""; 0], "{report}");
}

/// Citus copies the fence to every shard as a permissive policy. It must not stay so, with or without the event trigger.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn policies_that_are_applied_again_leave_no_fence_open_where_no_event_trigger_is() {
    let Some((citus, world)) = world().await else { return };
    without_event_triggers(citus, &world.database).await;

    migrate(&world.database.address("postgres"), true).await.expect("policies");

    let report = audit(&world.database.address("rowkeep_login")).await.expect("a report");
    assert_eq!(report.failing(), [""; 0], "{report}");
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

/// Shards that have lost a policy get it again.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn policies_can_be_applied_again_where_a_shard_has_lost_one() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = database.superuser().await;
    let lost = placed(&coordinator, "user1").await;
    for loss in [
        "drop policy owner_only on SHARD",
        "alter table SHARD no force row level security",
        "revoke select, insert (title) on SHARD from rowkeep_api",
    ] {
        on_shard(&coordinator, &lost, loss).await;
    }

    migrate(&database.address("postgres"), true).await.expect("policies");

    let report = audit(&database.address("rowkeep_login")).await.expect("a report");
    assert_eq!(report.failing(), [""; 0], "{report}");
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn lost_objects_are_made_again() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let damage = "alter table app.tasks drop constraint tasks_title_length";
    database.superuser().await.batch_execute(damage).await.expect("a damage");

    let options = MigrateOptions { repair: Some(repair_objects), ..MigrateOptions::default() };
    let migrated = migrate_with(&database.address("postgres"), options).await.expect("a repair");

    let constraint = "constraint tasks_title_length on app.tasks";
    assert_eq!(migrated.objects, [constraint, &format!("comment on {constraint}")]);
    let report = audit(&database.address("rowkeep_login")).await.expect("a report");
    assert_eq!(report.failing(), [""; 0], "{report}");
    // Citus names it otherwise on the shards now.
    let world = World::on(database, &[]).await;
    let refused = world.user("user1").post("/api/tasks", json!({ "title": "x".repeat(201) })).await;
    assert_eq!(refused.status(), 400, "{refused:?}");
    assert!(refused.detail().contains("200"), "{refused:?}");
}

/// The nodes know the rows, and the coordinator the sequence.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_sequence_behind_the_ids_is_named_and_set() {
    let Some((_citus, world)) = world().await else { return };
    let user = world.user("user1");
    let superuser = world.database.superuser().await;
    let first = user.get("/api/tasks").await.ids().into_iter().min().expect("a task");
    superuser.execute("select setval('app.tasks_id_seq', $1, false)", &[&first]).await.expect("a sequence");

    assert_eq!(user.post("/api/tasks", json!({ "title": "one" })).await.status(), 500);

    let is_advice =
        |event: &Value| event["error.message"].as_str().is_some_and(|text| text.contains("migrate --repair"));
    world.server.logs(is_advice).await;
    eventually("the statistics know the rows", async || {
        let report = audit(&world.database.address("postgres")).await.expect("a report").to_string();
        report.contains("RK-308 table       app.tasks_id_seq is behind the ids of app.tasks")
    })
    .await;
    let options = MigrateOptions { repair: Some(repair_objects), ..MigrateOptions::default() };
    let migrated = migrate_with(&world.database.address("postgres"), options).await.expect("a repair");
    assert_eq!(migrated.sequences, ["app.tasks_id_seq to 100"]);
    assert_eq!(user.post("/api/tasks", json!({ "title": "one" })).await.status(), 201);
}

/// A migration as a later release may bring it: it runs like those of `migrations/`.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_migration_of_several_statements_reaches_every_shard() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let mut client = database.superuser().await;
    client.batch_execute(include_str!("../../../sql/schema/migrating.sql")).await.expect("settings");
    let migration = "set local role rowkeep_owner;
        alter table app.tasks add column color text;
        alter table app.tasks add constraint tasks_color_length check (char_length(color) <= 20);
        comment on constraint tasks_color_length on app.tasks is 'color must have at most 20 characters';
        create function app.red() returns text language sql return 'red';
        create index tasks_color_idx on app.tasks (user_id, color);";

    apply(&mut client, migration).await;

    let count = "select count(*) from run_command_on_placements('app.tasks',
                     $$ select count(*) from pg_attribute where attrelid = '%1$s'::regclass and attname = 'color' $$) r
                  where r.result = '1'";
    assert_eq!(client.query_one(count, &[]).await.expect("a count").get::<_, i64>(0), 32);
}

/// Runs a migration as `rowkeep migrate` does, in a session with its settings.
async fn apply(client: &mut Client, migration: &str) {
    let transaction = client.transaction().await.expect("a transaction");
    for statement in statements(include_str!("../../../sql/schema/begin_migration.sql")) {
        transaction.batch_execute(statement).await.expect(statement);
    }
    for statement in statements(migration) {
        transaction.batch_execute(statement).await.expect(statement);
    }
    transaction.commit().await.expect("a commit");
}

/// The rules of the page hold for a distributed database as well: a server that runs goes on.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_server_goes_on_after_each_migration_of_the_page() {
    let Some((_citus, world)) = world().await else { return };
    let user = world.user("user1");
    let mut client = world.database.superuser().await;
    client.batch_execute(include_str!("../../../sql/schema/migrating.sql")).await.expect("settings");

    for migration in crate::documents::migrations::migrations() {
        apply(&mut client, &migration).await;

        let created = user.post("/api/tasks", json!({ "title": "one" })).await;
        assert_eq!(created.status(), 201, "{migration}: {:?}", world.server.log().last());
        let path = format!("/api/tasks/{}", created.json()["id"]);
        assert_eq!(user.put(&path, json!({ "title": "two" })).await.status(), 200, "{migration}");
        assert_eq!(user.get("/api/v1/tasks?sort=title&q=two").await.status(), 200, "{migration}");
        assert_eq!(user.delete(&path).await.status(), 200, "{migration}");
    }
}

/// As the owner, whom the policies bind, it would change no row and report success.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_migration_that_the_policies_filter_fails_on_the_shards_as_well() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let mut client = database.superuser().await;
    client.batch_execute(include_str!("../../../sql/schema/migrating.sql")).await.expect("settings");

    let transaction = client.transaction().await.expect("a transaction");
    for statement in statements(include_str!("../../../sql/schema/begin_migration.sql")) {
        transaction.batch_execute(statement).await.expect(statement);
    }
    transaction.batch_execute("set local role rowkeep_owner").await.expect("the owner");
    let changed = transaction.execute("update app.tasks set completed = true", &[]).await;

    let error = changed.expect_err("row_security is off");
    assert_eq!(error.code().map(|state| state.code()), Some("42501"), "{error:?}");
}
