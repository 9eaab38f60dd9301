//! Databases as hosting services and companies have them: the audit fails nothing in them, and names what is planted.
//!
//! Each `landscapes/*.sql` makes one: roles, groups, attributes, extensions or stand-ins for them, and what other people have
//! in the database, as the service documents it. What a provider has patched is there by its name alone.

mod crowds;
mod ground;
mod planted;
mod ways_of_grants;
mod ways_of_roles;
mod who_serves;

use std::process::Stdio;

use tokio::process::Command;
use tokio_postgres::Client;

use crate::world::OwnCluster;

/// A kind of place where databases are.
#[derive(Clone, Copy, Debug)]
pub struct Landscape {
    /// The file, without its ending.
    name: &'static str,
    /// The superuser of the provider, and the login that people get from it.
    superuser: &'static str,
    admin: &'static str,
    database: &'static str,
    /// What the administrator does after migrating.
    then: &'static str,
}

pub const NEON: Landscape =
    Landscape { name: "neon", superuser: "cloud_admin", admin: "neondb_owner", database: "neondb", then: "" };
pub const SUPABASE: Landscape = Landscape {
    name: "supabase",
    superuser: "supabase_admin",
    admin: "postgres",
    database: "postgres",
    then: "",
};
pub const RDS: Landscape =
    Landscape { name: "rds", superuser: "rdsadmin", admin: "postgres", database: "tasks", then: "" };
pub const CLOUD_SQL: Landscape = Landscape {
    name: "cloudsql",
    superuser: "cloudsqladmin",
    admin: "postgres",
    database: "tasks",
    then: "",
};
pub const AZURE: Landscape =
    Landscape { name: "azure", superuser: "azuresu", admin: "dbadmin", database: "tasks", then: "" };
pub const CLOUD_NATIVE_PG: Landscape =
    Landscape { name: "cloudnativepg", superuser: "postgres", admin: "app", database: "app", then: "" };
pub const COMPANY: Landscape =
    Landscape { name: "company", superuser: "postgres", admin: "migrator", database: "tasks", then: PGAUDIT };

/// pgaudit logs what its role may do with a table.
const PGAUDIT: &str =
    "set role rowkeep_owner; grant select, insert, update, delete on app.tasks to pgaudit_objects";

/// How many lines fit on a page.
const PAGE: usize = 40;

/// A landscape with a migrated database and the recommended login, `rowkeep_login`.
pub struct Place {
    landscape: Landscape,
    cluster: OwnCluster,
}

impl Place {
    /// The people who get the administrator's login migrate with it, and make the login for requests.
    pub async fn migrated(landscape: Landscape) -> Self {
        Self::of_release(landscape, None).await
    }

    /// The same, of another release of PostgreSQL.
    pub async fn of_release(landscape: Landscape, major: Option<u32>) -> Self {
        let cluster = match major {
            Some(major) => OwnCluster::of_release(major).await,
            None => OwnCluster::start().await,
        };
        let place = Self { landscape, cluster };
        place.give_the_superuser_its_name().await;
        let script = format!("{}/tests/suite/landscapes/{}.sql", env!("CARGO_MANIFEST_DIR"), landscape.name);
        place.psql(landscape.superuser, "postgres", &["-f", &script]).await;

        let (code, text) = place.rowkeep("migrate", landscape.admin).await;
        assert_eq!(code, Some(0), "{landscape:?}: {text}");
        let script = format!("{}/sql/setup/login.sql", env!("CARGO_MANIFEST_DIR"));
        let login = ["-v", "login=rowkeep_login", "-v", "password=secret", "-f", &script];
        place.psql(landscape.admin, landscape.database, &login).await;
        place.psql(landscape.admin, landscape.database, &["-c", landscape.then]).await;
        place
    }

    async fn give_the_superuser_its_name(&self) {
        let name = self.landscape.superuser;
        if name == "postgres" {
            return;
        }
        // A session cannot rename its own role.
        self.psql("postgres", "postgres", &["-c", "create role installer login superuser"]).await;
        self.psql("installer", "postgres", &["-c", &format!("alter role postgres rename to {name}")]).await;
        self.psql(name, "postgres", &["-c", "drop role installer"]).await;
    }

    async fn psql(&self, login: &str, database: &str, arguments: &[&str]) -> String {
        let arguments = [&["-U", login], arguments].concat();
        let output = self.cluster.psql(database, &arguments).await;
        assert!(output.status.success(), "{:?}: {arguments:?}: {output:?}", self.landscape);
        String::from_utf8(output.stdout).expect("text")
    }

    /// A connection of the provider's superuser to the database.
    pub async fn superuser(&self) -> Client {
        let address = self.cluster.address(self.landscape.superuser, self.landscape.database);
        rowkeep::session::connect_once(&address).await.expect("a connection")
    }

    /// Runs the program with this login in `DATABASE_URL`. Returns its exit code and its output.
    async fn rowkeep(&self, command: &str, login: &str) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_rowkeep"))
            .arg(command)
            .env_clear()
            .envs([
                ("ENVIRONMENT", "production"),
                ("DATABASE_URL", &self.cluster.url(login, self.landscape.database)),
            ])
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the program");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("text"))
    }

    /// What `rowkeep audit` prints for the login.
    pub async fn audit(&self, login: &str) -> String {
        self.rowkeep("audit", login).await.1
    }

    /// What `psql -f sql/audit.sql` prints for the login.
    pub async fn audit_by_psql(&self, login: &str) -> String {
        let script = format!("{}/sql/audit.sql", env!("CARGO_MANIFEST_DIR"));
        let arguments = ["-t", "-A", "-U", login, "-f", &script];
        let output = self.cluster.psql(self.landscape.database, &arguments).await;
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The lines of a report that begin with this verdict.
fn lines<'a>(report: &'a str, verdict: &str) -> Vec<&'a str> {
    report.lines().filter(|line| line.starts_with(&format!("{verdict} "))).collect()
}

/// The text of a report in one line, with single spaces.
pub fn in_one_line(report: &str) -> String {
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the report has this line, or has its role in a line about several.
pub fn is_named(report: &str, named: &str) -> bool {
    let named = in_one_line(named);
    let mut words = named.splitn(5, ' ');
    let (head, name) =
        (words.by_ref().take(3).collect::<Vec<_>>().join(" "), words.next().unwrap_or_default());
    let rest = words.next().unwrap_or_default();
    let is_among = |line: &str| {
        let (roles, said) = line.split_once(rest).unwrap_or_default();
        roles.split([' ', ',']).any(|role| role == name) && !said.is_empty()
    };
    report.contains(&named) || report.split(&format!("{head} each of ")).skip(1).any(is_among)
}

/// Audits as everybody does: with the program and with psql, as the administrator and as the login for requests.
async fn expect_a_clean_page(landscape: Landscape, major: Option<u32>) {
    let place = Place::of_release(landscape, major).await;

    let reports = [
        ("rowkeep audit, administrator", place.audit(landscape.admin).await),
        ("rowkeep audit, rowkeep_login", place.audit("rowkeep_login").await),
        ("psql, administrator", place.audit_by_psql(landscape.admin).await),
        ("psql, rowkeep_login", place.audit_by_psql("rowkeep_login").await),
        ("psql, superuser", place.audit_by_psql(landscape.superuser).await),
    ];

    for (who, report) in reports {
        assert!(!lines(&report, "OK").is_empty(), "{landscape:?}, {who}: {report}");
        assert_eq!(lines(&report, "FAIL"), [""; 0], "{landscape:?}, {who}: {report}");
        let notes = lines(&report, "NOTE");
        assert!(notes.len() <= PAGE, "{landscape:?}, {who}: {} notes: {notes:#?}", notes.len());
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_nothing_on_neon() {
    expect_a_clean_page(NEON, None).await;
}

#[tokio::test]
async fn the_audit_fails_nothing_on_supabase() {
    expect_a_clean_page(SUPABASE, None).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_nothing_on_rds() {
    expect_a_clean_page(RDS, None).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_nothing_on_cloud_sql() {
    expect_a_clean_page(CLOUD_SQL, None).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_nothing_on_azure() {
    expect_a_clean_page(AZURE, None).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_nothing_on_cloudnativepg() {
    expect_a_clean_page(CLOUD_NATIVE_PG, None).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_fails_nothing_in_a_company() {
    expect_a_clean_page(COMPANY, None).await;
}

/// From 16 on, roles that a login with CREATEROLE makes are its own, and memberships have options.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn the_audit_fails_nothing_anywhere_with_newer_releases() {
    for major in crate::world::releases().into_iter().filter(|major| *major >= 16) {
        for landscape in [NEON, SUPABASE, RDS, CLOUD_SQL, AZURE, CLOUD_NATIVE_PG, COMPANY] {
            expect_a_clean_page(landscape, Some(major)).await;
        }
    }
}
