//! Several processes migrate at the same time, while requests continue.

use std::time::Duration;

use futures_util::future::join_all;
use rowkeep::schema::{self, Migrated};
use tokio_postgres::Client;

use super::catalogue::{described, pristine};
use super::migrate::rowkeep;
use super::support::{Fixture, begin_as, files, state, texts};
use crate::world::OwnCluster;

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn concurrent_processes_migrate_one_database_once() {
    let cluster = OwnCluster::start().await;
    let make = "create database tasks";
    cluster.superuser("postgres").await.batch_execute(make).await.expect("a database");
    let url = cluster.url("postgres", "tasks");

    let done = join_all((0..4).map(|_| rowkeep(&["migrate"], &url))).await;

    for process in &done {
        assert!(process.status.success(), "{process:?}");
    }
    let admin = cluster.superuser("tasks").await;
    let history = "select name from rowkeep.migrations union all select digest from rowkeep.policies";
    assert_eq!(texts(&admin, history).await.len(), files("migrations").len() + 1);
    assert_eq!(described(&admin).await, pristine().await);
}

/// Roles belong to the whole cluster, and advisory locks to a database. So these migrations conflict at the roles.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn databases_of_a_fresh_cluster_can_be_migrated_concurrently() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    let names: Vec<_> = (0..6).map(|number| format!("tasks_{number}")).collect();
    for name in &names {
        admin.batch_execute(&format!("create database {name}")).await.expect("a database");
    }

    let migrating = names.iter().map(async |name| {
        schema::migrate(&cluster.address("postgres", name), false).await.map_err(|error| error.to_string())
    });
    let done = join_all(migrating).await;

    for done in done {
        let all = |done: &Migrated| done.policies && done.migrations.len() == files("migrations").len();
        assert!(done.as_ref().is_ok_and(all), "{done:?}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn databases_of_a_fresh_cluster_can_be_migrated_concurrently_without_a_superuser() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role deployer login createrole").await.expect("a login");
    let names: Vec<_> = (0..6).map(|number| format!("tasks_{number}")).collect();
    for name in &names {
        admin.batch_execute(&format!("create database {name} owner deployer")).await.expect("a database");
    }

    let migrating = names.iter().map(async |name| {
        schema::migrate(&cluster.address("deployer", name), false).await.map_err(|error| error.to_string())
    });
    let done = join_all(migrating).await;

    for done in done {
        let all = |done: &Migrated| done.policies && done.migrations.len() == files("migrations").len();
        assert!(done.as_ref().is_ok_and(all), "{done:?}");
    }
}

/// Another migration creates the roles in a transaction that has not committed yet.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_migration_waits_for_roles_that_another_database_is_creating() {
    let cluster = OwnCluster::start().await;
    let (other, admin) = (cluster.superuser("postgres").await, cluster.superuser("postgres").await);
    let make = "begin; create role rowkeep_owner; create role rowkeep_api; create role rowkeep_auditor";
    other.batch_execute(make).await.expect("roles, not committed");

    let address = cluster.address("postgres", "postgres");
    let migrating = tokio::spawn(async move { schema::migrate(&address, false).await });
    until(&admin, "select 'waits' from pg_stat_activity where wait_event_type = 'Lock'").await;
    other.batch_execute("commit").await.expect("roles");

    migrating.await.expect("no panic").expect("a migration");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_migration_waits_for_grants_that_another_database_is_making() {
    let cluster = OwnCluster::start().await;
    let (other, admin) = (cluster.superuser("postgres").await, cluster.superuser("postgres").await);
    let make = "create role deployer login createrole; create role rowkeep_owner; create role rowkeep_api;
                create role rowkeep_auditor";
    other.batch_execute(make).await.expect("roles");
    other.batch_execute("create database tasks owner deployer").await.expect("a database");
    let grant = "begin; grant rowkeep_owner, rowkeep_api to deployer with admin option";
    other.batch_execute(grant).await.expect("rights, not committed");

    let address = cluster.address("deployer", "tasks");
    let migrating = tokio::spawn(async move { schema::migrate(&address, false).await });
    if server_lets_createrole_grant(&admin).await {
        until(&admin, "select 'waits' from pg_stat_activity where wait_event_type = 'Lock'").await;
    }
    other.batch_execute("commit").await.expect("rights");

    let done = migrating.await.expect("no panic").map_err(|error| error.to_string());
    if server_lets_createrole_grant(&admin).await {
        assert!(done.is_ok(), "{done:?}");
    } else if let Err(refused) = done {
        assert!(refused.contains("GRANT rowkeep_owner, rowkeep_api TO deployer"), "{refused}");
    }
}

/// From PostgreSQL 16 on a login grants only roles that it made or was given with ADMIN.
async fn server_lets_createrole_grant(admin: &Client) -> bool {
    texts(admin, "select 'yes' where current_setting('server_version_num')::int < 160000").await == ["yes"]
}

/// A transaction that has read the table and stays open, like that of a long report.
async fn report(fixture: &Fixture) -> Client {
    let report = fixture.database.superuser().await;
    report.batch_execute("begin; select count(*) from app.tasks").await.expect("a long report");
    report
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_migration_with_nothing_to_do_does_not_wait() {
    let fixture = Fixture::new().await;
    let report = report(&fixture).await;
    let writer = fixture.database.superuser().await;
    // Shows that the report does hold a lock.
    writer
        .batch_execute("begin; lock table app.tasks in access exclusive mode nowait")
        .await
        .expect_err("a reader");

    let done = schema::migrate(&fixture.database.address("postgres"), false).await.expect("no migration");

    assert!(!done.policies && done.migrations.is_empty(), "{done:?}");
    report.batch_execute("commit").await.expect("an end");
}

/// Another session holds the strongest lock on the table.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_migration_with_nothing_to_do_locks_no_table() {
    let fixture = Fixture::new().await;
    let owner = fixture.database.superuser().await;
    owner.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");

    let done = schema::migrate(&fixture.database.address("postgres"), false).await.expect("no migration");

    assert!(!done.policies, "{done:?}");
    owner.batch_execute("commit").await.expect("an end");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn policies_wait_for_a_long_report_and_do_not_block_requests() {
    let fixture = Fixture::new().await;
    let wanted = described(&fixture.admin).await;
    let report = report(&fixture).await;

    let address = fixture.database.address("postgres");
    let migrating = tokio::spawn(async move { schema::migrate(&address, true).await });
    let waits = "select 'waits' from pg_locks where not granted and relation = 'app.tasks'::regclass";
    until(&fixture.admin, waits).await;
    // Waits behind the migration, which gives up within the lock timeout of the login.
    let mut outcome = fixture.bob_runs("select from app.tasks").await;
    while outcome == "55P03" {
        outcome = fixture.bob_runs("select from app.tasks").await;
    }
    assert!(!migrating.is_finished(), "the migration did not wait for the report");
    report.batch_execute("commit").await.expect("an end");
    let done = migrating.await.expect("no panic").expect("a migration");

    assert_eq!(outcome, "00000");
    assert!(done.policies, "{done:?}");
    assert_eq!(described(&fixture.admin).await, wanted);
}

/// Waits until `query` returns a row.
async fn until(admin: &Client, query: &str) {
    for _ in 0..500 {
        if !texts(admin, query).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing comes of {query}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_policies_are_in_force_at_every_moment_of_a_migration() {
    let fixture = Fixture::new().await;
    let address = fixture.database.address("postgres");
    let migrating = tokio::spawn(async move {
        for _ in 0..5 {
            schema::migrate(&address, true).await.expect("a migration");
        }
    });

    let mut answers = 0;
    while !migrating.is_finished() || answers < 20 {
        begin_as(&fixture.login, "bob").await;
        let rows = fixture.login.query("select user_id from app.tasks", &[]).await;
        fixture.login.batch_execute("rollback").await.expect("an end");
        match rows {
            Ok(rows) => {
                let owners: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
                assert_eq!(owners, ["bob", "bob"]);
                answers += 1;
            }
            Err(error) => assert_eq!(state::<()>(Err(error)), "55P03"),
        }
    }

    migrating.await.expect("migrations");
}
