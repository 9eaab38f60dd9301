//! Several databases in one cluster, for instance those of production and of staging: their roles are the same.

use std::process::Output;

use rowkeep::audit::audit;
use rowkeep::development::Programs;
use rowkeep::schema;
use rowkeep::session::connect_once;
use tokio_postgres::Client;

use super::support::{creates, texts};
use crate::world::OwnCluster;

/// A cluster with two migrated databases, `production` and `staging`.
struct Shared {
    cluster: OwnCluster,
    production: Client,
}

impl Shared {
    async fn start() -> Self {
        let cluster = OwnCluster::start().await;
        let admin = cluster.superuser("postgres").await;
        for name in ["production", "staging"] {
            admin.batch_execute(&format!("create database {name}")).await.expect("a database");
            schema::migrate(&cluster.address("postgres", name), false).await.expect("a migrated database");
        }
        let production = cluster.superuser("production").await;
        creates(&production, "alice", "hers").await;
        Self { cluster, production }
    }

    /// Runs sql/setup/login.sql as `role`.
    async fn runs_login_sql(&self, role: &str, database: &str, login: &str, more: &[&str]) -> Output {
        let psql = Programs::find(None).expect("PostgreSQL's programs").path("psql");
        tokio::process::Command::new(psql)
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-v",
                &format!("login={login}"),
                "-v",
                "password=secret",
            ])
            .args(more)
            .args(["-f", concat!(env!("CARGO_MANIFEST_DIR"), "/sql/setup/login.sql")])
            .args(["-d", &self.cluster.url(role, database)])
            .output()
            .await
            .expect("psql")
    }

    /// Makes the login of requests of a database.
    async fn makes_login(&self, database: &str, more: &[&str]) -> Output {
        let made = self.runs_login_sql("postgres", database, &format!("{database}_login"), more).await;
        assert!(made.status.success(), "{made:?}");
        made
    }

    /// The facts about the privilege to connect, in the audit of production.
    async fn audited(&self) -> Vec<String> {
        let report = audit(&self.cluster.address("postgres", "production")).await.expect("a report");
        let text = report.to_string();
        let words = text.split_whitespace().filter(|word| !word.starts_with("RK-"));
        let words = words.collect::<Vec<_>>().join(" ");
        let facts = words.split(" fix: revoke connect").next().unwrap_or_default();
        let fact = ["FAIL database ", "NOTE database public may connect"]
            .iter()
            .filter_map(|start| facts.find(start).map(|at| facts[at..].to_owned()));
        fact.collect()
    }

    /// Whether staging's login can read alice's tasks of production.
    async fn staging_reads_production(&self) -> bool {
        let Ok(client) = connect_once(&self.cluster.address("staging_login", "production")).await else {
            return false;
        };
        client.batch_execute("begin; select app.identify('alice')").await.expect("an identity");
        texts(&client, "select title from app.tasks").await == ["hers"]
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_the_login_of_another_database_that_public_lets_in() {
    let shared = Shared::start().await;
    shared.makes_login("production", &[]).await;
    shared.makes_login("staging", &[]).await;
    assert!(shared.staging_reads_production().await, "there is nothing to report");

    let facts = shared.audited().await;

    assert_eq!(
        facts,
        ["FAIL database staging_login serves staging: it can read and change every row of production: \
          it may connect because public may"]
    );
    let fix = "revoke connect on database production from public;";
    let report =
        audit(&shared.cluster.address("postgres", "production")).await.expect("a report").to_string();
    assert!(report.contains(&format!("fix: {fix}")), "{report}");
    shared.production.batch_execute(fix).await.expect("the fix of the report");
    assert_eq!((shared.audited().await, shared.staging_reads_production().await), (vec![], false));
    connect_once(&shared.cluster.address("production_login", "production")).await.expect("its own login");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_owner_of_another_database_that_serves_requests_fails_the_audit() {
    let shared = Shared::start().await;
    let make = "create role tenant login; grant rowkeep_api to tenant; create database tenants owner tenant";
    for statement in make.split(';') {
        shared.production.batch_execute(statement).await.expect("a login and its database");
    }

    let facts = shared.audited().await;

    assert!(facts.len() == 1 && facts[0].starts_with("FAIL database tenant serves tenants: "), "{facts:?}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_only_notes_that_public_may_connect_when_no_login_serves_another_database() {
    let shared = Shared::start().await;
    shared.makes_login("production", &[]).await;
    // It serves both databases, and is granted both by name.
    shared.makes_login("staging", &[]).await;
    shared
        .production
        .batch_execute("grant connect on database production to staging_login")
        .await
        .expect("a grant");

    let facts = shared.audited().await;

    assert!(
        facts.len() == 1
            && facts[0].starts_with("NOTE database public may connect: grant connect on production"),
        "{facts:?}"
    );
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_exclusive_login_locks_others_out_and_lists_them() {
    let shared = Shared::start().await;
    shared.makes_login("staging", &["-v", "exclusive=0"]).await;
    let others = "create role monitoring login; create role group_of_backups; create role backup login in role group_of_backups;
                  grant connect on database production to group_of_backups";
    shared.production.batch_execute(others).await.expect("other logins");
    assert!(shared.staging_reads_production().await, "there is nobody to lock out");

    let made = shared.makes_login("production", &["-v", "exclusive=1"]).await;

    let listed = String::from_utf8_lossy(&made.stdout);
    for login in ["monitoring", "staging_login"] {
        assert!(listed.contains(&format!("grant connect on database production to {login};")), "{listed}");
    }
    assert!(!listed.contains("production_login") && !listed.contains("backup"), "{listed}");
    assert!(!shared.staging_reads_production().await);
    connect_once(&shared.cluster.address("production_login", "production")).await.expect("its own login");
    assert_eq!(shared.audited().await, [""; 0]);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_login_that_is_made_with_a_connection_limit_has_it_and_serves() {
    let shared = Shared::start().await;

    shared.makes_login("production", &["-v", "connections=7"]).await;

    let limit = "select rolconnlimit::text from pg_roles where rolname = 'production_login'";
    let limits = super::support::texts(&shared.production, limit).await;
    assert_eq!(limits, ["7"]);
    let address = shared.cluster.address("production_login", "production");
    schema::ready_to_serve(&address).await.expect("a database that is ready");
}

/// For a role that does not own the database, REVOKE is a warning.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_script_fails_when_it_could_not_make_the_database_exclusive() {
    let shared = Shared::start().await;
    let make = "create role deployer login createrole; grant rowkeep_api to deployer with admin option;
                grant connect on database production to deployer with grant option";
    shared.production.batch_execute(make).await.expect("a login that does not own the database");

    let made =
        shared.runs_login_sql("deployer", "production", "production_login", &["-v", "exclusive=1"]).await;

    let told = String::from_utf8_lossy(&made.stderr);
    assert!(!made.status.success(), "{made:?}");
    assert!(told.contains("PUBLIC may still connect to database production"), "{told}");
    assert!(told.contains("as the owner of the database or as a superuser"), "{told}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn migrate_takes_nobody_the_privilege_to_connect() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role monitoring login").await.expect("a login");

    cluster.migrate().await;
    schema::migrate(&cluster.address("postgres", "postgres"), true).await.expect("the policies once more");

    connect_once(&cluster.address("monitoring", "postgres")).await.expect("a connection");
}
