//! What attributes and memberships give is tried for real: the role reads a row of alice, and the audit names it.

use std::process::Stdio;
use std::time::Duration;

use rowkeep::development::Programs;
use tokio::process::Command;

use super::ground::{SECRET, ground, text};

const TITLES: &str = "select title from app.tasks limit 1";

#[tokio::test]
async fn a_role_with_bypassrls_reads_every_row_only_once_it_may_read_the_table() {
    let ground = ground().await;
    ground.prepare("create role unbound login bypassrls").await;
    let unbound = ground.login("unbound").await;
    let refused = unbound.query(TITLES, &[]).await;
    ground.names("NOTE RK-602 bypass unbound has BYPASSRLS: it has no privilege on a table of app").await;

    ground.prepare("grant pg_read_all_data to unbound").await;

    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(text(&unbound, TITLES).await, SECRET);
    ground.names("NOTE RK-602 bypass unbound has BYPASSRLS and privileges in app: it reads every row").await;
}

#[tokio::test]
async fn a_member_of_a_role_with_bypassrls_takes_it_on() {
    let ground = ground().await;
    ground
        .prepare(
            "create role unbound_group bypassrls; grant pg_read_all_data to unbound_group;
             create role joiner login; grant unbound_group to joiner",
        )
        .await;
    let joiner = ground.login("joiner").await;

    joiner.batch_execute("set role unbound_group").await.expect("the role");

    assert_eq!(text(&joiner, TITLES).await, SECRET);
    ground
        .names("NOTE RK-602 bypass joiner can become unbound_group, which has BYPASSRLS and privileges in app: it reads every row")
        .await;
}

#[tokio::test]
async fn a_login_with_replication_copies_the_files_of_every_table() {
    let ground = ground().await;
    ground.prepare("create role copier login replication").await;
    let directory = std::env::temp_dir().join(format!("rowkeep-copied-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);

    let output = Command::new(Programs::find(None).expect("PostgreSQL's programs").path("pg_basebackup"))
        .args(["-U", "copier", "-p", "5432", "-c", "fast", "-X", "none", "-h"])
        .arg(ground.cluster.socket_directory())
        .arg("-D")
        .arg(&directory)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("pg_basebackup");

    assert!(output.status.success(), "{output:?}");
    let copied = std::fs::read(directory.join(&ground.file)).expect("the file of app.tasks");
    assert!(copied.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()));
    let _ = std::fs::remove_dir_all(&directory);
    ground.names("NOTE RK-603 bypass copier has REPLICATION").await;
}

#[tokio::test]
async fn a_login_with_replication_reads_the_changes_of_every_user() {
    let ground = ground().await;
    ground.prepare("create role follower login replication").await;
    let follower = ground.login("follower").await;
    follower
        .batch_execute("select pg_create_logical_replication_slot('following', 'test_decoding')")
        .await
        .expect("a slot");
    ground
        .names("NOTE RK-615 bypass replication slot following (test_decoding) keeps all changes of rows")
        .await;

    ground
        .prepare("begin; select app.identify('alice'); insert into app.tasks (title) values ('sent to others'); commit")
        .await;

    // Commits of these tests reach the slot a moment later.
    let mut changes = String::new();
    for _ in 0..100 {
        let next = "select data from pg_logical_slot_get_changes('following', null, null)";
        changes.push_str(&text(&follower, next).await);
        if changes.contains("sent to others") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(changes.contains("sent to others"), "{changes}");
    follower.batch_execute("select pg_drop_replication_slot('following')").await.expect("no slot");
}

#[tokio::test]
async fn a_member_of_the_owner_lifts_the_policies() {
    let ground = ground().await;
    ground.prepare("create role co_owner login; grant rowkeep_owner to co_owner").await;
    let owner = ground.login("co_owner").await;

    owner
        .batch_execute("begin; set local lock_timeout = '10s'; alter table app.tasks no force row level security; set local role rowkeep_owner")
        .await
        .expect("no force");

    assert_eq!(text(&owner, TITLES).await, SECRET);
    owner.batch_execute("rollback").await.expect("a rollback");
    ground
        .names(
            "NOTE RK-604 bypass co_owner can become rowkeep_owner, the owner of app.tasks: an owner can lift",
        )
        .await;
}

#[tokio::test]
async fn a_member_of_rowkeep_api_becomes_any_user() {
    let ground = ground().await;
    ground.prepare("create role supporter login createrole; grant rowkeep_api to supporter").await;
    let supporter = ground.login("supporter").await;

    supporter.batch_execute("begin; select app.identify('alice')").await.expect("an identity");

    assert_eq!(text(&supporter, TITLES).await, SECRET);
    // Its lock would be in the way of others.
    supporter.batch_execute("rollback").await.expect("a rollback");
    ground
        .names("NOTE RK-605 bypass supporter can become rowkeep_api: it can call app.identify() with the id of any user")
        .await;
}

/// From PostgreSQL 16 on it cannot.
#[tokio::test]
async fn a_role_with_createrole_reaches_the_files_before_postgresql_16() {
    let ground = ground().await;
    ground.prepare("create role role_maker login createrole").await;
    let maker = ground.login("role_maker").await;
    let old = Programs::find(None).expect("PostgreSQL's programs").major < 16;

    let granted = maker.batch_execute("grant pg_execute_server_program to role_maker").await;

    assert_eq!(granted.is_ok(), old, "{granted:?}");
    let named = ground.audit().await.contains("NOTE RK-606 bypass role_maker has CREATEROLE");
    assert_eq!(named, old);
}

#[tokio::test]
async fn a_role_that_runs_programs_reads_the_files_of_every_table() {
    let ground = ground().await;
    ground.prepare("create role runner login; grant pg_execute_server_program to runner").await;
    let runner = ground.login("runner").await;

    let steal = format!(
        "create temporary table stolen (line text); copy stolen from program 'grep -a -o -m 1 \"{SECRET}\" {}'",
        ground.file
    );
    runner.batch_execute(&steal).await.expect("a program");

    assert!(text(&runner, "table stolen").await.contains(SECRET));
    ground
        .names("NOTE RK-607 bypass runner is a member of pg_execute_server_program: it reaches the files")
        .await;
}

#[tokio::test]
async fn a_member_of_pg_read_all_data_reads_values_in_statistics_and_hashes_of_passwords() {
    let ground = ground().await;
    ground.prepare("create role dumper login; grant pg_read_all_data to dumper").await;
    let dumper = ground.login("dumper").await;

    let rows = dumper.query(TITLES, &[]).await.expect("no error");
    let values =
        text(&dumper, "select stavalues1::text from pg_statistic where stavalues1::text ~ 'secret'").await;
    let hashes = text(&dumper, "select rolpassword from pg_authid where rolname = 'rowkeep_login'").await;

    assert!(rows.is_empty(), "{rows:?}");
    assert!(values.contains(SECRET), "{values}");
    assert!(hashes.starts_with("SCRAM"), "{hashes}");
    ground
        .names("NOTE RK-609 bypass dumper is a member of pg_read_all_data: statistics contain values")
        .await;
}
