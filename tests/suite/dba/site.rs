//! A database as a hosting service gives it, with the tasks of several users.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use rowkeep::development::Programs;
use rowkeep::schema;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use crate::database::support::{creates, texts};
use crate::operation::program::{Directory, Ended, Program};
use crate::world::{OwnCluster, Person, SECRET, Server};

/// The owner of the page: the administrator of a hosting service. It has CREATEROLE and its database, and is no superuser.
pub const OWNER: &str = "admin";

/// The logins that can do what the owner can.
pub const OWNERS: [&str; 2] = [OWNER, "postgres"];

/// A cluster with a template that [`OWNER`] has migrated, the recommended login and an auditor.
pub struct Site {
    cluster: OwnCluster,
    made: AtomicU32,
}

impl Site {
    /// The one for recipes that leave no role behind that another test would notice.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<&Site> = OnceCell::const_new();
        SHARED
            .get_or_init(async || &*Box::leak(Box::new(Self::on(OwnCluster::start().await, "").await)))
            .await
    }

    /// One of its own, on this cluster. The owner has more attributes.
    pub async fn on(cluster: OwnCluster, attributes: &str) -> Self {
        let roles = format!("create role {OWNER} login createrole {attributes}");
        let superuser = cluster.superuser("postgres").await;
        superuser.batch_execute(&roles).await.expect("an owner");
        let create = format!("create database migrated owner {OWNER}");
        superuser.batch_execute(&create).await.expect("a database");
        let site = Self { cluster, made: AtomicU32::new(0) };

        schema::migrate(&site.cluster.address(OWNER, "migrated"), false).await.expect("a migrated one");
        let login = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/setup/login.sql"));
        let variables = [("login", "rowkeep_login"), ("password", "secret")];
        let url = site.cluster.url(OWNER, "migrated");
        psql(Path::new("/"), &url, &variables, &login.expect("a script")).await.expect("a login");
        let auditor = "create role auditor login; grant rowkeep_auditor to auditor";
        superuser.batch_execute(auditor).await.expect("an auditor");
        site
    }

    /// A migrated database without tasks.
    pub async fn empty(&self) -> Place<'_> {
        let name = format!("place_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let create = format!("create database {name} template migrated owner {OWNER}");
        let superuser = self.cluster.superuser("postgres").await;
        // The session of another copy can still be in the template.
        for _ in 0..100 {
            match superuser.batch_execute(&create).await {
                Err(error) if error.code().is_some_and(|state| state.code() == "55006") => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                created => {
                    created.expect("a database");
                    break;
                }
            }
        }
        // As sql/setup/login.sql does: a copy of a database does not have its privileges.
        let connect = format!("grant connect on database {name} to rowkeep_login");
        superuser.batch_execute(&connect).await.expect("a privilege");
        self.place(&name).await
    }

    /// Its cluster, stopped.
    pub fn stopped(mut self) -> OwnCluster {
        self.cluster.stop();
        self.cluster
    }

    /// On a cluster that has the databases of another one.
    pub fn again(cluster: OwnCluster) -> Self {
        Self { cluster, made: AtomicU32::new(0) }
    }

    /// The database of that name.
    pub async fn place(&self, name: &str) -> Place<'_> {
        let superuser = self.cluster.superuser(name).await;
        Place { site: self, name: name.to_owned(), superuser, directory: Directory::named("dba") }
    }

    /// A database in which alice, bob and carol have three tasks each; one of each is completed and was changed later.
    pub async fn with_tasks(&self) -> Place<'_> {
        let place = self.empty().await;
        for number in 1..=3 {
            for user in ["alice", "bob", "carol"] {
                creates(&place.superuser, user, &format!("a secret of {user}, {number}")).await;
            }
        }
        let change = "update app.tasks set completed = true, description = 'the words of ' || user_id
                       where title like '%, 2'";
        place.superuser.batch_execute(change).await.expect("changes");
        place
    }
}

/// One database of a [`Site`], and a directory for files.
pub struct Place<'a> {
    site: &'a Site,
    pub name: String,
    pub superuser: Client,
    pub directory: Directory,
}

impl Place<'_> {
    pub fn url(&self, login: &str) -> String {
        self.site.cluster.url(login, &self.name)
    }

    pub async fn client(&self, login: &str) -> Client {
        rowkeep::session::connect_once(&self.site.cluster.address(login, &self.name))
            .await
            .expect("a session")
    }

    /// Runs SQL with psql. Returns what it prints.
    ///
    /// # Errors
    /// What it prints to standard error, if a statement fails.
    pub async fn psql(&self, login: &str, variables: &[(&str, &str)], sql: &str) -> Result<String, String> {
        psql(&self.directory.0, &self.url(login), variables, sql).await
    }

    /// Runs a recipe for the shell, with the addresses of this database. Returns what it prints.
    pub async fn sh(&self, command: &str, settings: &[(&str, &str)]) -> String {
        let [owner, backup, serving] = [OWNER, "backup", "rowkeep_login"].map(|login| self.url(login));
        let mut all = vec![
            ("MIGRATION_DATABASE_URL", owner.as_str()),
            ("BACKUP_URL", backup.as_str()),
            ("DATABASE_URL", serving.as_str()),
        ];
        all.extend(settings);
        let output = sh(&self.directory.0, &all, command).await;
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs the program with nothing but the address of this database.
    pub async fn rowkeep(&self, arguments: &[&str], login: &str) -> Ended {
        let url = self.url(login);
        Program::new(arguments).with(&[("ENVIRONMENT", "production"), ("DATABASE_URL", &url)]).run().await
    }

    /// A server on this database.
    pub async fn server(&self) -> Server {
        let url = self.url("rowkeep_login");
        Server::start(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await.expect("a server")
    }

    /// Every row with all columns.
    pub async fn stored(&self) -> Vec<String> {
        texts(&self.superuser, "select t::text from app.tasks t order by user_id, id").await
    }

    /// Whether row security is forced and the trigger is on.
    pub async fn protection(&self) -> Vec<String> {
        let state = "select concat(c.relforcerowsecurity, ' ', t.tgenabled)
                       from pg_class c join pg_trigger t on t.tgrelid = c.oid and t.tgname = 'tasks_touch'
                      where c.oid = 'app.tasks'::regclass";
        texts(&self.superuser, state).await
    }

    /// What an auditor is told.
    pub async fn audit(&self) -> Audit {
        Audit::of(&self.rowkeep(&["audit"], "auditor").await.out)
    }

    /// Asserts that `rowkeep migrate` and the proof of the audit find nothing wrong, and that a new user can create a task.
    pub async fn assert_sound(&self) {
        let migrated = self.rowkeep(&["migrate"], OWNER).await;
        assert!(migrated.code == Some(0) && format!("{migrated:?}").contains("up to date"), "{migrated:?}");
        let report = self.rowkeep(&["audit"], "rowkeep_login").await.out;
        let broken: Vec<_> =
            Audit::of(&report).0.into_iter().filter(|finding| finding.starts_with("FAIL RK-91")).collect();
        assert!(report.contains("none seen, none changed") && broken.is_empty(), "{report}");
        let server = self.server().await;
        let dora = Person::new(server.address, "dora");
        assert_eq!(dora.post("/api/tasks", json!({ "title": "new" })).await.status(), 201);
    }
}

/// The findings of an audit, without those that are OK: verdict, id, subject and fact.
#[derive(Debug, PartialEq, Eq)]
pub struct Audit(pub BTreeSet<String>);

impl Audit {
    pub fn of(report: &str) -> Self {
        let mut findings: Vec<String> = Vec::new();
        let mut fixes = false;
        for line in report.lines() {
            if line.starts_with("                 ") {
                fixes |= line.trim_start().starts_with("fix");
                let Some(finding) = findings.last_mut().filter(|_| !fixes) else { continue };
                finding.push(' ');
                finding.push_str(line.trim());
                continue;
            }
            fixes = false;
            let words: Vec<_> = line.split_whitespace().collect();
            if let [verdict, id, _area, rest @ ..] = words.as_slice()
                && id.starts_with("RK-")
            {
                findings.push(format!("{verdict} {id} {}", rest.join(" ")));
            }
        }
        assert!(findings.len() > 20, "{report}");
        findings.retain(|finding| !finding.starts_with("OK "));
        Self(findings.into_iter().collect())
    }

    /// The findings that `before` did not have.
    pub fn since<'a>(&'a self, before: &'a Self) -> Vec<&'a str> {
        self.0.difference(&before.0).map(String::as_str).collect()
    }
}

/// Asserts that two audits found the same, whatever other tests do to the roles of the cluster meanwhile.
pub fn assert_same(before: &Audit, after: &Audit) {
    // RK-308 looks at a table as soon as the statistics know that it has rows.
    let is_of_others = |finding: &&str| {
        ["backup", "reporting", "analyst", "watcher", "RK-308 whether"]
            .iter()
            .any(|word| finding.contains(word))
    };
    let differ = |one: &Audit, other: &Audit| {
        one.since(other)
            .into_iter()
            .filter(|finding| !is_of_others(finding))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!((differ(after, before), differ(before, after)), (vec![], vec![]));
}

/// Runs SQL with psql.
///
/// # Errors
/// What psql prints to standard error, if a statement fails.
pub async fn psql(
    directory: &Path,
    url: &str,
    variables: &[(&str, &str)],
    sql: &str,
) -> Result<String, String> {
    let mut command = Command::new(Programs::find(None).expect("PostgreSQL's programs").path("psql"));
    command.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"]).current_dir(directory);
    for (name, value) in variables {
        command.args(["-v", &format!("{name}={value}")]);
    }
    let stdio = std::process::Stdio::piped;
    let mut process = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().expect("psql");
    let mut stdin = process.stdin.take().expect("a pipe");
    stdin.write_all(sql.as_bytes()).await.expect("psql reads");
    drop(stdin);
    let output = process.wait_with_output().await.expect("psql");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Runs a recipe for the shell, with the programs of PostgreSQL and Rowkeep.
pub async fn sh(directory: &Path, settings: &[(&str, &str)], command: &str) -> Output {
    let programs = [
        Programs::find(None).expect("PostgreSQL's programs").path("psql"),
        env!("CARGO_BIN_EXE_rowkeep").into(),
    ];
    let path = programs.map(|program| program.parent().expect("a directory").display().to_string()).join(":");
    Command::new("sh")
        .args(["-e", "-c", command])
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{path}:/usr/bin:/bin"))
        .envs([("ENVIRONMENT", "production"), ("BETTER_AUTH_SECRET", SECRET)])
        .envs(settings.iter().copied())
        .output()
        .await
        .expect("a shell")
}
