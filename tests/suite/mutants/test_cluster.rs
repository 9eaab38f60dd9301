//! A cluster for mutants alone, whose roles and settings no other test changes, and copies of a migrated database in it.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rowkeep::database::Address;
use rowkeep::schema;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::fixers::ADMINISTRATOR;
use super::report::{Fact, facts};
use crate::world::OwnCluster;

/// A cluster with a migrated template, the recommended login, and `other_role`, a role without any privilege.
pub struct TestCluster {
    cluster: OwnCluster,
    made: AtomicU32,
}

/// The output and the exit code of the program, and the facts in the output.
pub struct Audit {
    pub code: Option<i32>,
    pub text: String,
    pub facts: Vec<Fact>,
}

impl TestCluster {
    /// The shared cluster, for mutants of one database.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<&TestCluster> = OnceCell::const_new();
        SHARED.get_or_init(async || &*Box::leak(Box::new(Self::own().await))).await
    }

    /// A cluster for one test, for mutants of the whole cluster.
    pub async fn own() -> Self {
        let test_cluster = Self { cluster: OwnCluster::start().await, made: AtomicU32::new(0) };
        let admin = test_cluster.cluster.superuser("postgres").await;
        admin.batch_execute("create database migrated").await.expect("a database");
        schema::migrate(&test_cluster.cluster.address("postgres", "migrated"), false)
            .await
            .expect("a migrated one");
        test_cluster.make_login().await;
        admin.batch_execute("create role other_role").await.expect("a role");
        test_cluster
    }

    /// Makes the recommended login with sql/setup/login.sql.
    async fn make_login(&self) {
        let script = format!("{}/sql/setup/login.sql", env!("CARGO_MANIFEST_DIR"));
        let output = psql(&self.cluster.url("postgres", "migrated"))
            .args(["-v", "login=rowkeep_login", "-v", "password=secret", "-f", &script])
            .output()
            .await
            .expect("psql");
        assert!(output.status.success(), "{output:?}");
    }

    /// Makes another template: the migrated one with these changes.
    pub async fn template(&self, name: &str, changes: &[&str]) {
        let copy = self.copy("migrated").await;
        for change in changes {
            copy.admin.batch_execute(change).await.unwrap_or_else(|error| panic!("{error:?}"));
        }
        let rename = format!("alter database {} rename to {name}", copy.name);
        drop(copy);
        self.at_last(&rename).await;
    }

    /// A copy of a template, with an administrator's connection to it.
    pub async fn copy(&self, template: &str) -> Copy<'_> {
        let name = format!("copy_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.at_last(&format!("create database {name} template {template}")).await;
        // As sql/setup/login.sql does: a copy of a database does not have its privileges.
        self.at_last(&format!("grant connect on database {name} to rowkeep_login")).await;
        let admin = self.cluster.superuser(&name).await;
        Copy { test_cluster: self, name, admin }
    }

    /// Runs a command again as long as a session is still in the database.
    async fn at_last(&self, command: &str) {
        let admin = self.cluster.superuser("postgres").await;
        for _ in 0..100 {
            match admin.batch_execute(command).await {
                Ok(()) => return,
                Err(error) if error.code().is_some_and(|state| state.code() == "55006") => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{command}: {error:?}"),
            }
        }
        panic!("{command}: it stays in use");
    }
}

/// psql, which stops at the first error.
fn psql(url: &str) -> Command {
    let programs = rowkeep::development::Programs::find(None).expect("PostgreSQL's programs");
    let mut psql = Command::new(programs.path("psql"));
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
    psql
}

/// A database for a mutant.
pub struct Copy<'a> {
    test_cluster: &'a TestCluster,
    pub name: String,
    pub admin: Client,
}

impl<'a> Copy<'a> {
    /// A copy of a template in the same cluster.
    pub async fn another(&self, template: &str) -> Copy<'a> {
        self.test_cluster.copy(template).await
    }

    pub fn address(&self, login: &str) -> Address {
        self.test_cluster.cluster.address(login, &self.name)
    }

    pub fn url(&self, login: &str) -> String {
        self.test_cluster.cluster.url(login, &self.name)
    }

    /// `rowkeep audit`, as the superuser.
    pub async fn audit(&self) -> Audit {
        self.audit_as("postgres").await
    }

    /// `rowkeep audit` with another `DATABASE_URL`.
    pub async fn audit_as(&self, login: &str) -> Audit {
        let (code, text) = self.run(&["audit"], login).await;
        Audit { code, facts: facts(&text), text }
    }

    /// Runs the program with nothing but an environment and an address. Returns its exit code and standard output.
    pub async fn run(&self, arguments: &[&str], login: &str) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_rowkeep"))
            .args(arguments)
            .env_clear()
            .envs([("ENVIRONMENT", "production"), ("DATABASE_URL", &self.url(login))])
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the program");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    }

    /// Runs statements as a role, in a session of its own: what may not run in a transaction can be among them. None: as the
    /// superuser.
    pub async fn run_as(&self, role: Option<&str>, statements: &str) -> Result<(), String> {
        let begin = match role {
            Some(ADMINISTRATOR) => {
                format!("create role {ADMINISTRATOR} createrole; set role {ADMINISTRATOR};\n")
            }
            Some(role) => format!("set role \"{}\";\n", role.replace('"', "\"\"")),
            None => String::new(),
        };
        let mut psql = psql(&self.url("postgres"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("psql");
        let mut input = psql.stdin.take().expect("a pipe");
        input.write_all(format!("{begin}{statements}\n").as_bytes()).await.expect("psql reads");
        drop(input);
        let output = psql.wait_with_output().await.expect("psql");
        if role == Some(ADMINISTRATOR) {
            let _ = self.admin.batch_execute(&format!("drop role {ADMINISTRATOR}")).await;
        }
        match output.status.success() {
            true => Ok(()),
            false => {
                Err(format!(" {statements} as {role:?}\n   {}", String::from_utf8_lossy(&output.stderr)))
            }
        }
    }

    /// Drops the database.
    pub async fn discard(self) {
        let admin = self.test_cluster.cluster.superuser("postgres").await;
        // If a slot or a subscription prevents that, it ends with the cluster.
        let _ = admin.batch_execute(&format!("drop database {} with (force)", self.name)).await;
    }
}
