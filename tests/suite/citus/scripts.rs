//! `sql/scale`: what the scripts say, and that they can be repeated.

use rowkeep::schema;
use rowkeep::session::connect_once;
use tokio_postgres::types::ToSql;

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

/// A database of each node, and on the coordinator one that is migrated. They are no cluster, and have no extension.
async fn migrated(citus: &'static Citus) -> Database {
    let database = Database::empty_on(citus, "default").await;
    schema::migrate(&database.address("postgres"), false).await.expect("a migrated database");
    database
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_script_stops_with_a_sentence_where_something_is_missing() {
    let Some(citus) = Citus::at_hand().await else { return };
    let (distributed, migrated) = (with_tasks(citus).await, migrated(citus).await);
    let (coordinator, worker) = (citus.coordinator(), citus.workers().first().expect("a node"));
    let somewhere = format!("to={}", worker.name());
    let no_port = format!("to={}", worker.host);

    let no_citus = "this database has no extension citus: run this file on the coordinator";
    let (to, node) = (somewhere.as_str(), "no node has this address");
    for (server, database, script, variables, sentence) in [
        (coordinator, "postgres", "citus", &[][..], "there is no table app.tasks: run `rowkeep migrate`"),
        (coordinator, &migrated.name, "restore_fence", &[], no_citus),
        (coordinator, &migrated.name, "move_shard", &["user=user1", to], no_citus),
        (coordinator, &migrated.name, "rebalance", &[], no_citus),
        (coordinator, &migrated.name, "rebalance", &["drain=nowhere:1"], no_citus),
        (worker, &distributed.name, "citus", &[], "this database is a worker of a cluster, or was one"),
        (coordinator, &distributed.name, "move_shard", &["user=user1"], "say where to: -v to=HOST:PORT"),
        (coordinator, &distributed.name, "move_shard", &["user=user1", "to="], "say where to"),
        (coordinator, &distributed.name, "move_shard", &[to], "say which shard: -v user=USER_ID or -v"),
        (coordinator, &distributed.name, "move_shard", &["user=", to], "say which shard"),
        (coordinator, &distributed.name, "move_shard", &["shard=1", to], "app.tasks has no such shard"),
        (coordinator, &distributed.name, "move_shard", &["shard=abc", to], "app.tasks has no such shard"),
        (coordinator, &distributed.name, "move_shard", &["user=user1", "to=nowhere:1"], node),
        (coordinator, &distributed.name, "move_shard", &["user=user1", &no_port], node),
        (coordinator, &distributed.name, "rebalance", &["drain=nowhere:1"], node),
        (coordinator, &distributed.name, "rebalance", &["drain="], node),
        (coordinator, &distributed.name, "rebalance", &["undrain=nowhere:1"], node),
    ] {
        let said = server.refuses("postgres", database, script, variables).await;
        assert!(said.contains(sentence), "{script} {variables:?}: {said}");
    }

    let extension = "create extension citus";
    migrated.superuser().await.batch_execute(extension).await.expect("an extension");
    for (script, variables) in [
        ("restore_fence", vec![]),
        ("rebalance", vec![]),
        ("rebalance", vec!["drain=h:1"]),
        ("move_shard", vec!["user=user1", &somewhere]),
    ] {
        let said = coordinator.refuses("postgres", &migrated.name, script, &variables).await;
        assert!(said.contains("app.tasks is not distributed: run sql/scale/citus.sql"), "{script}: {said}");
    }
    migrated.superuser().await.batch_execute("drop schema app cascade").await.expect("no table");
    for (script, sentence) in
        [("restore_fence", "there is no table app.tasks"), ("rebalance", "app.tasks is not distributed")]
    {
        let said = coordinator.refuses("postgres", &migrated.name, script, &[]).await;
        assert!(said.contains(sentence), "{script}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_variable_that_is_wrong_stops_citus_sql_before_it_changes_anything() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = migrated(citus).await;

    let addresses = "coordinator is HOST:PORT, workers are HOST:PORT,HOST:PORT, and IPv6 is [HOST]:PORT";
    let number = "shards is a number from 1 to 64000";
    for (variable, sentence) in [
        ("coordinator=node", addresses),
        ("coordinator=node:", addresses),
        ("coordinator=:5432", addresses),
        ("coordinator=node:abc", addresses),
        ("coordinator=::1", addresses),
        ("coordinator=::1:5432", addresses),
        ("coordinator=[::1]", addresses),
        ("workers=node", addresses),
        ("workers=node:1,node", addresses),
        ("workers=node:1 node:2", addresses),
        ("shards=abc", number),
        ("shards=", number),
        ("shards=0", number),
        ("shards=-1", number),
        ("shards=1.5", number),
    ] {
        let said = citus.coordinator().refuses("postgres", &database.name, "citus", &[variable]).await;
        assert!(said.contains(sentence), "{variable}: {said}");
    }
    let twice = ["coordinator=node:1", "workers=node:1,other:1"];
    let said = citus.coordinator().refuses("postgres", &database.name, "citus", &twice).await;
    assert!(said.contains("the coordinator is no worker: leave it out of workers"), "{said}");
    let notes = "create table app.notes (user_id text, task_id bigint, foreign key (user_id, task_id) references app.tasks)";
    database.superuser().await.batch_execute(notes).await.expect("another table");
    let said = citus.coordinator().refuses("postgres", &database.name, "citus", &[]).await;
    assert!(said.contains("a foreign key refers to app.tasks, which alone can be distributed"), "{said}");

    let extension = "select from pg_extension where extname = 'citus'";
    assert!(database.superuser().await.query(extension, &[]).await.expect("extensions").is_empty());
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_worker_that_cannot_join_is_named_with_what_to_do() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = migrated(citus).await;
    let (here, [one, other, ..]) = (citus.coordinator(), citus.workers()) else { panic!("two workers") };
    let coordinator = format!("coordinator={}", here.name());
    let workers = format!("workers= {} , {} ,", one.name(), other.name());
    let on_one = connect_once(&one.address("postgres", &database.name)).await.expect("a connection");
    let refuses = async |variables: &[&str], sentences: [&str; 2]| {
        let said = here.refuses("postgres", &database.name, "citus", variables).await;
        assert!(sentences.iter().all(|sentence| said.contains(sentence)), "{variables:?}: {said}");
    };

    let none = "the cluster has no worker: run this file with -v coordinator=HOST:PORT -v workers=HOST:PORT";
    for variables in [&[][..], &[coordinator.as_str()], &[coordinator.as_str(), "workers="]] {
        refuses(variables, [none, ""]).await;
    }
    refuses(&[&workers], ["the workers must know the coordinator: run this file with -v coordinator=", ""])
        .await;

    let cannot = "the workers above cannot join: each needs an empty database of this name";
    let both = [coordinator.as_str(), workers.as_str()];
    refuses(&both, [cannot, &format!("{} has no extension citus", one.name())]).await;
    for worker in [one, other] {
        worker.runs(&database.name, "citus_worker", &[]).await;
    }
    on_one.batch_execute("create schema app; create table app.tasks ()").await.expect("a table");
    refuses(&both, [cannot, &format!("{} has a table app.tasks", one.name())]).await;
    on_one.batch_execute("drop schema app cascade").await.expect("no table");
    let address = [&one.host as &(dyn ToSql + Sync), &i32::from(one.port)];
    on_one.execute("select citus_set_coordinator_host($1, $2)", &address).await.expect("a cluster");
    refuses(&both, [cannot, &format!("{} is or was a node of a cluster", one.name())]).await;
    on_one.execute("select citus_remove_node($1, $2)", &address).await.expect("no cluster");

    let alone = "this worker cannot join: start it, make a database of this name, let this login in";
    let nobody = "workers=127.0.0.1:1";
    refuses(&[&coordinator, nobody], [alone, "127.0.0.1:1 failed with the following error"]).await;
    let elsewhere = connect_once(&other.address("postgres", "postgres")).await.expect("a connection");
    elsewhere
        .batch_execute(&format!("drop database {} with (force)", database.name))
        .await
        .expect("no database");
    refuses(&both, [alone, &format!("database \"{}\" does not exist", database.name)]).await;
    elsewhere.batch_execute(&format!("create database {}", database.name)).await.expect("a database");
    other.runs(&database.name, "citus_worker", &[]).await;

    let unreached = format!("{} does not reach 127.0.0.1:1", one.name());
    refuses(&["coordinator=127.0.0.1:1", &workers], ["nodes do not reach each other", &unreached]).await;

    let said = here.runs(&database.name, "citus", &both).await;
    assert!(said.contains("app.tasks has 0 rows in 32 shards on 2 nodes"), "{said}");
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
