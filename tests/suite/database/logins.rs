//! A request runs restricted, or not at all, whatever login `DATABASE_URL` has.

use rowkeep::schema;
use rowkeep::session::connect_once;

use super::serving::{start, titles};
use super::support::{Fixture, texts};
use crate::world::OwnCluster;

/// Creates a login for this test and returns its name.
async fn login(fixture: &Fixture, kind: &str, attributes: &str, more: &str) -> String {
    let name = format!("{kind}_{}", fixture.database.name);
    let make = format!("create role {name} login {attributes}; {}", more.replace("{}", &name));
    fixture.admin.batch_execute(&make).await.expect("a login");
    name
}

/// Asserts that bob sees exactly his tasks through a server that connects as `login`.
async fn bob_sees_his_own(fixture: &Fixture, login: &str) {
    let session =
        start(&fixture.database.address(login)).await.unwrap_or_else(|why| panic!("{login}: {why}"));

    assert_eq!(titles(&session, "bob").await, ["completed", "pending"], "{login}");
    assert_eq!(titles(&session, "carol").await, [""; 0], "{login}");
}

#[tokio::test]
async fn a_server_runs_with_the_recommended_login() {
    let fixture = Fixture::new().await;

    bob_sees_his_own(&fixture, "rowkeep_login").await;
}

#[tokio::test]
async fn a_superuser_login_is_restricted_while_it_serves() {
    let fixture = Fixture::new().await;
    assert_eq!(texts(&fixture.admin, "select user_id from app.tasks").await.len(), 4);

    bob_sees_his_own(&fixture, "postgres").await;
}

/// The default login of some hosting services.
#[tokio::test]
async fn a_login_that_bypasses_row_security_is_restricted_while_it_serves() {
    let fixture = Fixture::new().await;
    let name = login(&fixture, "bypass", "bypassrls createrole createdb", "grant rowkeep_api to {}").await;
    let client = fixture.database.client(&name).await;
    assert_eq!(texts(&client, "select user_id from app.tasks").await.len(), 4);

    bob_sees_his_own(&fixture, &name).await;
}

#[tokio::test]
async fn a_member_of_the_owner_is_restricted_while_it_serves() {
    let fixture = Fixture::new().await;
    let name = login(&fixture, "owner", "createrole", "grant rowkeep_owner, rowkeep_api to {}").await;

    bob_sees_his_own(&fixture, &name).await;
}

/// The owner of the database and of everything in it, without any other privilege on the server.
#[tokio::test]
async fn the_login_that_migrated_its_database_is_restricted_while_it_serves() {
    let cluster = OwnCluster::start().await;
    let make = "create role deployer login createrole";
    cluster.superuser("postgres").await.batch_execute(make).await.expect("a login");
    let make = "create database tasks owner deployer";
    cluster.superuser("postgres").await.batch_execute(make).await.expect("a database");
    let address = cluster.address("deployer", "tasks");
    schema::migrate(&address, false).await.expect("a migrated database");
    let deployer = connect_once(&address).await.expect("a connection");
    super::support::creates(&deployer, "alice", "private").await;
    super::support::creates(&deployer, "bob", "his").await;

    let session = start(&address).await.expect("a session");

    assert_eq!(titles(&session, "bob").await, ["his"]);
}

#[tokio::test]
async fn a_noinherit_login_that_starts_as_the_role_works() {
    let fixture = Fixture::new().await;
    let become_role = "grant rowkeep_api to {}; alter role {} set role = 'rowkeep_api'";
    let name = login(&fixture, "starts", "noinherit", become_role).await;

    bob_sees_his_own(&fixture, &name).await;
}

#[tokio::test]
async fn the_error_of_a_noinherit_login_says_what_to_do() {
    let fixture = Fixture::new().await;
    let name = login(&fixture, "noinherit", "noinherit", "grant rowkeep_api to {}").await;

    let refused = start(&fixture.database.address(&name)).await.err().expect("a refusal");

    assert!(refused.contains("a member of rowkeep_api that inherits"), "{refused}");
    assert!(refused.contains(&format!("ALTER ROLE \"{name}\" INHERIT")), "{refused}");
}

#[tokio::test]
async fn the_advice_for_a_refused_login_works() {
    let fixture = Fixture::new().await;
    let name = login(&fixture, "told", "noinherit", "").await;
    let refused = start(&fixture.database.address(&name)).await.err().expect("a refusal");

    let advice = &refused[refused.find("GRANT").unwrap_or_else(|| panic!("no GRANT: {refused}"))..];
    fixture.admin.batch_execute(advice).await.unwrap_or_else(|error| panic!("{advice}: {error:?}"));

    bob_sees_his_own(&fixture, &name).await;
}

#[tokio::test]
async fn a_login_without_rights_is_told_which_it_needs() {
    let fixture = Fixture::new().await;
    let name = login(&fixture, "nothing", "", "").await;

    let refused = start(&fixture.database.address(&name)).await.err().expect("a refusal");

    assert!(refused.contains(&format!("GRANT rowkeep_api TO \"{name}\"")), "{refused}");
}

#[tokio::test]
async fn the_recommended_login_has_its_role_and_timeouts_from_the_first_statement() {
    let fixture = Fixture::new().await;
    let shown = "select current_user::text
                 union all select current_setting(name) from unnest(array[
                     'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) name";

    assert_eq!(texts(&fixture.login, shown).await, ["rowkeep_api", "5s", "2s", "10s"]);
    let powers = "select rolname::text from pg_roles
                   where rolname = 'rowkeep_login' and not rolsuper and not rolbypassrls and not rolcreaterole
                     and not rolcreatedb and not rolreplication and rolinherit";
    assert_eq!(texts(&fixture.admin, powers).await, ["rowkeep_login"]);
}

/// In a cluster of its own: the audits of other databases name a login that serves and that PUBLIC lets in there.
#[tokio::test]
async fn the_login_script_quotes_its_name_and_password() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let script = format!("{}/sql/setup/login.sql", env!("CARGO_MANIFEST_DIR"));
    let name = "odd \"login\" of tasks";
    let (login, password) = (format!("login={name}"), "password=it's; \"one\"");

    let made = cluster.psql("postgres", &["-v", &login, "-v", password, "-f", &script]).await;

    assert!(made.status.success(), "{made:?}");
    let members = format!(
        "select r.rolname::text from pg_auth_members m join pg_roles r on r.oid = m.member
          where m.roleid = 'rowkeep_api'::regrole and r.rolname = '{name}'"
    );
    assert_eq!(texts(&cluster.superuser("postgres").await, &members).await, [name]);
}
