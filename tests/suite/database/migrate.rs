//! `rowkeep migrate`, with different logins and repeatedly.

use rowkeep::schema;

use super::catalogue::{described, pristine};
use super::old_and_new::older_policies;
use super::support::{Fixture, files, state, texts};
use crate::world::{Database, OwnCluster, SECRET, coverage};

/// Runs the real program.
pub async fn rowkeep(arguments: &[&str], url: &str) -> std::process::Output {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rowkeep"))
        .args(arguments)
        .env_clear()
        .envs([("ENVIRONMENT", "production"), ("DATABASE_URL", url), ("BETTER_AUTH_SECRET", SECRET)])
        .output()
        .await
        .expect("the program");
    coverage::record_output(&String::from_utf8_lossy(&output.stderr));
    output
}

/// Every catalogue row of our schemas, with the transaction that wrote it.
async fn fingerprint(database: &Database) -> Vec<String> {
    let ours = "('app'::regnamespace, 'rowkeep'::regnamespace)";
    let classes = format!("(select oid from pg_class where relnamespace in {ours})");
    let rows = format!(
        "select format('namespace %s %s %s', oid, xmin, nspacl) from pg_namespace where oid in {ours}
         union all select format('class %s %s %s', oid, xmin, relacl) from pg_class where relnamespace in {ours}
         union all select format('column %s %s %s %s', attrelid, attnum, xmin, attacl) from pg_attribute
                    where attrelid in {classes}
         union all select format('function %s %s %s', oid, xmin, proacl) from pg_proc where pronamespace in {ours}
         union all select format('policy %s %s', oid, xmin) from pg_policy
         union all select format('constraint %s %s', oid, xmin) from pg_constraint where connamespace in {ours}
         union all select format('trigger %s %s', oid, xmin) from pg_trigger where tgrelid in {classes}
         union all select format('default %s %s', oid, xmin) from pg_default_acl
         union all select format('comment %s %s %s', objoid, xmin, description) from pg_description
                    where objoid in {classes} or objoid in (select oid from pg_policy)
         union all select format('role %s %s', oid, xmin) from pg_authid where rolname like 'rowkeep%'
         union all select format('migration %s %s', xmin, m) from rowkeep.migrations m
         union all select format('policies %s %s', xmin, p) from rowkeep.policies p
         order by 1"
    );
    texts(&database.superuser().await, &rows).await
}

#[tokio::test]
async fn migrating_a_fresh_database_prints_what_was_done() {
    let database = Database::unmigrated().await;

    let done = rowkeep(&["migrate"], &database.url("postgres")).await;

    assert!(done.status.success(), "{done:?}");
    let output = String::from_utf8(done.stdout).expect("text");
    assert_eq!(
        output,
        "applied V1__identity\napplied V2__tasks\napplied V3__lists\napplied V4__cheaper_identity\napplied V5__plain_names\n\
         applied V6__user_ids_byte_by_byte\napplied V7__letters\napplied V8__lock\napplied V9__accepted\n\
         applied the policies\n"
    );
    assert_eq!(described(&database.superuser().await).await, pristine().await);
}

#[tokio::test]
async fn migrating_again_writes_nothing() {
    let database = Database::new().await;
    let before = fingerprint(&database).await;

    let done = rowkeep(&["migrate"], &database.url("postgres")).await;

    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("nothing to do"), "{done:?}");
    assert_eq!(fingerprint(&database).await, before);
}

#[tokio::test]
async fn policies_are_applied_again_when_asked_for() {
    let fixture = Fixture::new().await;
    let wanted = described(&fixture.admin).await;
    let damage = "drop policy fence on app.tasks; grant truncate on app.tasks to public;
                alter table app.tasks disable row level security";
    fixture.admin.batch_execute(damage).await.expect("a damaged database");

    let done = rowkeep(&["migrate", "--reapply-policies"], &fixture.database.url("postgres")).await;

    assert!(done.status.success(), "{done:?}");
    assert_eq!(described(&fixture.admin).await, wanted);
}

#[tokio::test]
async fn policies_of_an_older_release_are_replaced() {
    let fixture = Fixture::new().await;
    let wanted = described(&fixture.admin).await;
    let other = format!(
        "create policy other on app.tasks using (true); revoke select on app.tasks from rowkeep_api;
         insert into rowkeep.policies (digest) values ('{}')",
        older_policies()
    );
    fixture.admin.batch_execute(&other).await.expect("another release's policies");

    let done = schema::migrate(&fixture.database.address("postgres"), false).await.expect("a migration");

    assert!(done.policies && done.migrations.is_empty(), "{done:?}");
    assert_eq!(described(&fixture.admin).await, wanted);
    schema::ready_to_serve(&fixture.database.address("rowkeep_login"))
        .await
        .expect("a database that is ready");
}

#[tokio::test]
async fn rows_and_other_connections_survive_a_migration() {
    let fixture = Fixture::new().await;
    let before = (fixture.stored("alice").await, fixture.stored("bob").await);

    schema::migrate(&fixture.database.address("postgres"), true).await.expect("a migration");

    assert_eq!((fixture.stored("alice").await, fixture.stored("bob").await), before);
    assert_eq!(fixture.bob_runs("update app.tasks set title = 'after'").await, "00000");
}

/// The login that a hosting service gives, without other privileges.
#[tokio::test]
async fn a_login_with_createrole_migrates_the_database_it_owns() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role deployer login createrole").await.expect("a login");
    admin.batch_execute("create database tasks owner deployer").await.expect("a database");
    let address = cluster.address("deployer", "tasks");

    let first = schema::migrate(&address, false).await.expect("a migration");
    let again = schema::migrate(&address, true).await.expect("the policies once more");

    assert_eq!((first.migrations.len(), first.policies), (files("migrations").len(), true));
    assert_eq!((again.migrations.len(), again.policies), (0, true));
    let tasks = cluster.superuser("tasks").await;
    assert_eq!(described(&tasks).await, pristine().await);
}

#[tokio::test]
async fn a_login_without_rights_is_told_which_it_needs() {
    let database = Database::unmigrated().await;
    let name = format!("nobody_{}", database.name);
    let admin = database.superuser().await;
    admin.batch_execute(&format!("create role {name} login")).await.expect("a login");

    let done = rowkeep(&["migrate"], &database.url(&name)).await;

    assert!(!done.status.success());
    let output = String::from_utf8_lossy(&done.stderr);
    assert!(output.contains(&format!("GRANT rowkeep_owner, rowkeep_api TO {name};")), "{output}");
}

#[tokio::test]
async fn the_serving_login_cannot_change_the_policies() {
    let fixture = Fixture::new().await;
    let before = fingerprint(&fixture.database).await;

    let done = rowkeep(&["migrate", "--reapply-policies"], &fixture.database.url("rowkeep_login")).await;

    assert!(!done.status.success());
    let output = String::from_utf8_lossy(&done.stderr);
    assert!(output.contains("GRANT rowkeep_owner, rowkeep_api TO rowkeep_login;"), "{output}");
    assert_eq!(fingerprint(&fixture.database).await, before);
}

#[tokio::test]
async fn a_login_that_may_not_make_roles_is_told_which_rights_it_needs() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role deployer login").await.expect("a login");
    admin.batch_execute("create database tasks owner deployer").await.expect("a database");

    let done = rowkeep(&["migrate"], &cluster.url("deployer", "tasks")).await;

    assert!(!done.status.success());
    let output = String::from_utf8_lossy(&done.stderr);
    assert!(output.contains("must be a superuser, or have CREATEROLE and own the database"), "{output}");
}

#[tokio::test]
async fn the_advice_for_a_login_without_privileges_works() {
    let database = Database::unmigrated().await;
    let name = format!("told_{}", database.name);
    let admin = database.superuser().await;
    let make = format!("create role {name} login; alter database {} owner to {name}", database.name);
    admin.batch_execute(&make).await.expect("a login");
    let refused = schema::migrate(&database.address(&name), false).await.expect_err("a refusal").to_string();

    let advice = &refused[refused.find("GRANT").unwrap_or_else(|| panic!("no GRANT: {refused}"))..];
    let advice = &advice[..=advice.find(';').expect("a statement")];
    admin.batch_execute(advice).await.expect("what an administrator was asked to run");

    schema::migrate(&database.address(&name), false).await.expect("a migration");
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let database = Database::encoded(encoding).await;

        let refused =
            schema::migrate(&database.address("postgres"), false).await.expect_err("a refusal").to_string();

        assert!(refused.contains(encoding) && refused.contains("ENCODING 'UTF8'"), "{refused}");
        let made = "select nspname::text from pg_namespace where nspname = 'app'";
        assert_eq!(texts(&database.superuser().await, made).await, [""; 0], "{encoding}");
    }
}

/// The policies also apply to the owner: without `row_security = off` this would silently be `UPDATE 0`.
#[tokio::test]
async fn a_migration_of_rows_it_cannot_see_fails() {
    let fixture = Fixture::new().await;
    let migrating = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/migrating.sql"));
    fixture.admin.batch_execute(&migrating.expect("a file")).await.expect("settings");

    let update = "set role rowkeep_owner; update app.tasks set completed = true";
    let outcome = fixture.admin.batch_execute(update).await;

    assert_eq!(state(outcome), "42501");
}

/// The way for a migration to change the rows of all users.
#[tokio::test]
async fn a_migration_that_suspends_force_row_security_reaches_every_row() {
    let fixture = Fixture::new().await;
    let migrating = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/migrating.sql"));
    fixture.admin.batch_execute(&migrating.expect("a file")).await.expect("settings");

    let lift = "begin; set local role rowkeep_owner; alter table app.tasks no force row level security;
                update app.tasks set completed = true; alter table app.tasks force row level security; commit";
    fixture.admin.batch_execute(lift).await.expect("a migration");

    let pending = "select user_id from app.tasks where not completed";
    assert_eq!(texts(&fixture.admin, pending).await, [""; 0]);
}
