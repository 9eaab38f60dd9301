//! The services of docker-compose.yml start in their order, and serve. These tests need root, and do nothing without.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rowkeep::development::Programs;
use serde_json::json;

use super::compose_file::ComposeFile;
use super::container::{Container, RunningContainer};
use super::secrets::Secrets;
use crate::documents::markdown::root;
use crate::operation::checkout::is_root;
use crate::operation::program::{Ended, Program};
use crate::world::{OwnCluster, Person};

/// The services of docker-compose.yml without Docker. Those of Rowkeep run in the root of the image; the database is a
/// PostgreSQL of this machine, which asks for passwords as PostgreSQL's image does.
struct Compose {
    file: ComposeFile,
    secrets: Secrets,
    database_address: String,
    cluster: OwnCluster,
}

impl Compose {
    async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(50);
        let (count, [_, _, a, b]) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id().to_be_bytes());
        let database_address = format!("127.{count}.{a}.{b}");
        let major = Programs::find(None).expect("PostgreSQL's programs").major;
        let cluster = OwnCluster::with(major, &format!("listen_addresses = '{database_address}'\n")).await;
        Self { file: ComposeFile::read().await, secrets: Secrets::new(), database_address, cluster }
    }

    /// What PostgreSQL's image does at its first start.
    async fn first_start_of_the_database(&self) {
        let environment = self.file.environment("database");
        let password = self.file_of_secret(&environment["POSTGRES_PASSWORD_FILE"]);
        let arguments = &environment["POSTGRES_INITDB_ARGS"];
        assert!(
            arguments.contains("--encoding=UTF8") && arguments.contains("--auth=scram-sha-256"),
            "{arguments}"
        );
        let admin = self.cluster.superuser("postgres").await;
        let name = &environment["POSTGRES_DB"];
        for sql in [
            format!(
                "alter role postgres password '{}'",
                std::fs::read_to_string(password).expect("a password")
            ),
            format!("create database {name}"),
            "copy (values ('local all all trust'), ('host all all 127.0.0.0/8 scram-sha-256'))
               to program 'cat > pg_hba.conf'"
                .into(),
            "select pg_reload_conf(), pg_sleep(0.5)".into(),
        ] {
            admin.batch_execute(&sql).await.expect(&sql);
        }
    }

    /// The path on this machine of a file of the volumes.
    fn file_of_secret(&self, path: &str) -> PathBuf {
        self.secrets.0.0.join(path.strip_prefix("/secrets/").expect("a secret"))
    }

    fn container(&self, service: &str) -> Container {
        let mut container = Container::new().with_host("database", &self.database_address);
        for (source, target, is_read_only) in self.file.mounts(service) {
            assert!(is_read_only, "{service}: {target}");
            container = container.with_directory(&self.volume(&source), &target);
        }
        container
    }

    fn volume(&self, name: &str) -> PathBuf {
        self.secrets.0.0.join(name.strip_suffix("-secrets").expect("a volume of secrets"))
    }

    fn program(&self, container: &Container, service: &str, more: &[(&str, &str)]) -> Program {
        let command = self.file.words(service, "command");
        let arguments: Vec<_> = command.iter().map(String::as_str).collect();
        let mut program = container.program(&arguments, &[]);
        program.settings.extend(self.file.environment(service));
        program.with(more)
    }

    async fn migrates(&self) -> Ended {
        self.program(&self.container("migrate"), "migrate", &[]).run().await
    }

    /// Runs psql of this machine as the service does: as its user, with its files at their places here.
    async fn makes_the_login(&self) -> Ended {
        let programs = Programs::find(None).expect("PostgreSQL's programs");
        let words = self.file.words("login", "entrypoint");
        let here = |text: &str| match text.strip_prefix("/sql/") {
            Some(name) => root().join("sql/setup").join(name).display().to_string(),
            None if text.starts_with("/secrets/") => self.file_of_secret(text).display().to_string(),
            None => text.replace("database", &self.database_address),
        };
        assert_eq!(words[0], "psql");
        let arguments: Vec<_> = words[1..].iter().map(|word| here(word)).collect();
        let mut program = Program::new(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        program.file = programs.path("psql");
        program.settings.insert("PATH".into(), "/usr/bin:/bin".into());
        for (name, value) in self.file.environment("login") {
            program.settings.insert(name, here(&value));
        }
        program.user = self.file.services["login"]["user"]
            .as_str()
            .and_then(|user| user.split(':').next()?.parse().ok());
        assert_eq!(program.user, Some(65_532));
        program.run().await
    }
}

#[tokio::test]
#[ignore = "needs root on Linux and Python: `make test-all`"]
async fn the_services_of_the_compose_file_make_a_database_and_serve_it_without_any_setting() {
    if !is_root() {
        return;
    }
    let compose = Compose::new().await;
    // Psql runs as another user than root, and must be able to read its files.
    assert!(is_readable_by_all(&root().join("sql/setup/login.sql")), "the checkout must be readable");

    for start in ["first", "second"] {
        let made = compose.secrets.make(&[]);
        assert!(made.status.success(), "{start}: {made:?}");
        if start == "first" {
            compose.first_start_of_the_database().await;
        }
        let migrated = compose.migrates().await;
        assert_eq!(migrated.code, Some(0), "{start}: {migrated:?}");
        let login = compose.makes_the_login().await;
        assert_eq!((login.code, login.err.as_str()), (Some(0), ""), "{start}");
    }
    let container = compose.container("api");
    let program = compose.program(&container, "api", &[]);
    let running = RunningContainer::start(program, "checked that the policies restrict requests").await;
    let token = ["token", "--user", "alice"];
    let mut token = container.program(&token, &[]);
    token.settings.extend(compose.file.environment("api"));
    let token = token.with(&[("ENVIRONMENT", "development")]).run().await;

    let alice = Person::with_token(running.address(), Some(token.out.trim()));
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    assert_eq!(alice.reads(&task["id"]).await["user_id"], "alice");
    assert_eq!(alice.get("/health").await.json(), json!({ "status": "healthy" }));
    let admin = compose.cluster.superuser("rowkeep").await;
    let logins = "select distinct usename::text from pg_stat_activity where application_name not like 'psql%'
                     and usename is not null and usename <> 'postgres'";
    let rows = admin.query(logins, &[]).await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["rowkeep_login"]);
    let mut audit = container.program(&["audit"], &[]);
    audit.settings.extend(compose.file.environment("api"));
    let audit = audit.run().await;
    assert_eq!(audit.code, Some(0), "{}", audit.out);
    assert!(audit.out.contains("isolation: HELD"), "{}", audit.out);
}

fn is_readable_by_all(path: &Path) -> bool {
    let readable = |path: &Path, mode| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & mode == mode)
    };
    readable(path, 0o004) && path.ancestors().skip(1).all(|directory| readable(directory, 0o001))
}

#[tokio::test]
#[ignore = "needs root on Linux and Python: `make test-all`"]
async fn a_login_without_its_password_is_not_made() {
    if !is_root() {
        return;
    }
    let compose = Compose::new().await;
    assert!(compose.secrets.make(&[]).status.success());
    compose.first_start_of_the_database().await;
    assert_eq!(compose.migrates().await.code, Some(0));
    std::fs::remove_file(compose.secrets.0.0.join("api/login-password")).expect("a file");

    let login = compose.makes_the_login().await;

    assert_eq!(login.code, Some(3), "{login:?}");
    assert!(login.err.contains("LOGIN_PASSWORD_FILE"), "{login:?}");
    let admin = compose.cluster.superuser("rowkeep").await;
    let found = admin.query("select from pg_roles where rolname = 'rowkeep_login'", &[]).await;
    assert!(found.expect("rows").is_empty());
}
