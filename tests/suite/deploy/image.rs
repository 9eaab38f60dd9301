//! The program runs in the image, which has nothing that it does not need. These tests need root, and do nothing without.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::container::{Container, RunningContainer, image_root};
use super::dockerfile::Dockerfile;
use crate::operation::checkout::is_root;
use crate::operation::database_proxy::Proxy;
use crate::operation::program::Directory;
use crate::world::{Database, Person, SECRET};

/// The name of the database's host in the container.
const HOST: &str = "database.rowkeep.test";

/// A container, its database, and the variables that it needs.
struct Deployment {
    container: Container,
    url: String,
    _database: Database,
    _proxy: Proxy,
}

impl Deployment {
    async fn new() -> Self {
        let (database, proxy) = (Database::new().await, Proxy::start().await);
        let url = proxy.url(&database, "rowkeep_login").replace("host=127.0.0.1", &format!("host={HOST}"));
        let container = Container::new().with_host(HOST, "127.0.0.1");
        Self { container, url, _database: database, _proxy: proxy }
    }

    fn variables(&self) -> [(&str, &str); 2] {
        [("DATABASE_URL", &self.url), ("BETTER_AUTH_SECRET", SECRET)]
    }

    /// A server that has opened its database.
    async fn serves(&self) -> RunningContainer {
        let program = self.container.program(&[], &self.variables());
        RunningContainer::start(program, "checked that the policies restrict requests").await
    }
}

/// A line of /proc/PID/status.
fn status(id: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).expect("a line");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
#[ignore = "needs root on Linux: `make test-all`"]
async fn the_program_serves_in_the_image_without_rights_and_ends_with_0_at_its_stop_signal() {
    if !is_root() {
        return;
    }
    let deployment = Deployment::new().await;
    let running = deployment.serves().await;
    let alice = Person::new(running.address(), "alice");

    let task = alice.creates(json!({ "title": "buy milk" })).await;

    assert_eq!(alice.reads(&task["id"]).await["title"], "buy milk");
    assert_eq!(alice.get("/health").await.json(), json!({ "status": "healthy" }));
    for (name, wanted) in [
        ("Uid", "65532 65532 65532 65532"),
        ("Gid", "65532 65532 65532 65532"),
        ("Groups", "65532"),
        ("CapEff", "0000000000000000"),
        ("NoNewPrivs", "1"),
    ] {
        assert_eq!(status(running.id, name), wanted, "{name}");
    }
    // Process 1 is special: it ends only at signals that it handles.
    assert!(status(running.id, "NSpid").ends_with(" 1"), "{}", status(running.id, "NSpid"));
    let signal = Dockerfile::read("Dockerfile").only("STOPSIGNAL").trim_start_matches("SIG").to_owned();
    assert_eq!(running.ends_at(&signal).await.code, Some(0));
}

#[tokio::test]
#[ignore = "needs root on Linux: `make test-all`"]
async fn the_health_check_of_the_image_says_whether_the_server_is_healthy() {
    if !is_root() {
        return;
    }
    let deployment = Deployment::new().await;
    let running = deployment.serves().await;
    let port = running.address().port().to_string();
    let check = deployment.container.health_check();
    let check: Vec<_> = check.iter().map(String::as_str).collect();
    let check = || deployment.container.program(&check, &[("PORT", &port)]).run();

    let while_it_runs = check().await;
    running.ends_at("TERM").await;
    let afterwards = check().await;

    assert_eq!(while_it_runs.code, Some(0), "{while_it_runs:?}");
    assert_eq!(afterwards.code, Some(1), "{afterwards:?}");
    assert!(afterwards.err.contains("does not answer"), "{afterwards:?}");
}

#[tokio::test]
#[ignore = "needs root on Linux: `make test-all`"]
async fn the_image_has_the_root_certificates_for_a_database_of_a_public_authority() {
    if !is_root() {
        return;
    }
    let deployment = Deployment::new().await;
    let variables = [("DATABASE_CA_FILE", "system")];
    let url = deployment.url.replace("sslmode=disable", "sslmode=require");
    let starts = |container: &Container| {
        let variables = [deployment.variables()[1], ("DATABASE_URL", &url), variables[0]];
        container.program(&[], &variables).run()
    };

    let with = starts(&deployment.container).await;
    std::fs::remove_file(deployment.container.root().join("etc/ssl/certs/ca-certificates.crt"))
        .expect("a file");
    let without = starts(&deployment.container).await;

    // The server of the tests has no TLS: it is only asked if there are certificates to check it with.
    assert!(with.err.contains("does not support TLS"), "{with:?}");
    assert!(without.err.contains("no root certificates"), "{without:?}");
}

/// The files below a directory, as paths from there.
fn files(root: &Path, below: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(below).expect("a directory").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            files(root, &path, found);
            continue;
        }
        assert!(kind.is_file(), "{}", path.display());
        let mode = entry.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o7022, 0, "{}: {mode:o}", path.display());
        found.insert(format!("/{}", path.strip_prefix(root).expect("below").display()));
    }
}

#[test]
fn the_image_has_the_program_and_what_it_loads_and_nothing_else() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let directory = Directory::named("image");
    let root = directory.0.join("root");

    let output = image_root(env!("CARGO_BIN_EXE_rowkeep"), &root);

    assert!(output.status.success(), "{output:?}");
    let mut found = BTreeSet::new();
    files(&root, &root, &mut found);
    let is_library = |path: &String| path.starts_with("/lib") && path.contains(".so");
    let libraries: Vec<_> = found.iter().filter(|path| is_library(path)).cloned().collect();
    assert!(libraries.iter().any(|path| path.contains("/ld-linux")), "{libraries:?}");
    assert!(libraries.iter().any(|path| path.ends_with("/libc.so.6")), "{libraries:?}");
    assert!(libraries.len() <= 5, "{libraries:?}");
    found.retain(|path| !is_library(path));
    for licence in ["libc6", "libgcc-s1", "ca-certificates"] {
        // Systems that are not of Debian's family keep licences elsewhere.
        found.remove(&format!("/licenses/{licence}"));
    }
    let wanted =
        ["/etc/nsswitch.conf", "/etc/ssl/certs/ca-certificates.crt", "/licenses/rowkeep", "/rowkeep"];
    assert_eq!(found, wanted.map(str::to_owned).into());
}

#[test]
fn no_image_is_made_without_a_program() {
    let directory = Directory::named("image");
    directory.write("text", "no program");

    for program in ["text", "missing"] {
        let program = directory.0.join(program).display().to_string();
        let output = image_root(&program, &directory.0.join("root"));

        assert!(!output.status.success(), "{program}: {output:?}");
        assert!(!directory.0.join("root/rowkeep").exists(), "{program}");
    }
}
