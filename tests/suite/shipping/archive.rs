//! The archive of a release, as `deploy/archive` packs it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use super::version::git;
use crate::documents::markdown::root;
use crate::operation::overload::eventually;
use crate::operation::program::{Directory, Program};
use crate::world::{OwnCluster, Person, SECRET};

/// A clone of this checkout, in a directory of its own.
struct Clone {
    directory: Directory,
    path: PathBuf,
}

impl Clone {
    fn new(name: &str) -> Self {
        let directory = Directory::named("clone");
        let path = directory.0.join(name);
        git(&directory.0, &["clone", "--quiet", "--no-local", &root().display().to_string(), name]);
        // The library of CycloneDX is installed once.
        std::fs::create_dir(path.join("target")).expect("a directory");
        std::os::unix::fs::symlink(root().join("target/sbom"), path.join("target/sbom")).expect("a link");
        Self { directory, path }
    }

    fn head(&self) -> String {
        git(&self.path, &["rev-parse", "HEAD"])[..12].to_owned()
    }

    /// A script in the place of the program. It says this commit.
    fn program(&self, commit: &str) -> PathBuf {
        let path = self.directory.0.join("rowkeep");
        let text = format!("#!/bin/sh\necho 'rowkeep 0.1.0 ({commit})'\n");
        std::fs::write(&path, text).expect("a program");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).expect("permissions");
        std::fs::write(self.directory.0.join("rowkeep.buildinfo"), "a compiler\n").expect("a file");
        path
    }

    /// Runs `deploy/archive` with this umask. The files come into the directory `files` beside the clone.
    fn pack(&self, umask: &str, options: &[&str], program: &Path) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", "umask $0; exec \"$@\"", umask]).arg(self.path.join("deploy/archive"));
        command.args(options).arg(program).arg(self.files());
        command.output().expect("a shell")
    }

    fn packs(&self, umask: &str) {
        let output = self.pack(umask, &[], &self.program(&self.head()));
        assert!(output.status.success(), "{output:?}");
    }

    fn files(&self) -> PathBuf {
        self.directory.0.join("files")
    }

    fn archive(&self) -> PathBuf {
        let is_archive = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
        let files = std::fs::read_dir(self.files()).expect("files").flatten().map(|entry| entry.path());
        files.into_iter().find(is_archive).expect("an archive")
    }
}

/// What tar prints about an archive.
fn tar(arguments: &[&str], archive: &Path) -> String {
    let mut command = Command::new("tar");
    let output = command.args(arguments).arg(archive).output().expect("tar");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn the_files_of_a_release_are_the_same_bytes_whoever_packs_them_and_where() {
    let (one, other) = (Clone::new("one"), Clone::new("another-name"));
    // What a checkout has lying about must not get into the archive, nor the time of a file.
    std::fs::write(other.path.join("docs/notes.md"), "not in git").expect("a file");
    std::fs::write(other.path.join("README.md"), "changed").expect("a file");

    one.packs("022");
    other.packs("077");

    let files = |clone: &Clone| {
        let files = std::fs::read_dir(clone.files()).expect("files").flatten();
        files.map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("a file"))).collect()
    };
    let (one, other): (BTreeSet<_>, BTreeSet<_>) = (files(&one), files(&other));
    assert_eq!(one.len(), 4, "archive, SBOM, buildinfo, checksums");
    let differ = |(a, b): (&(_, Vec<u8>), &(_, Vec<u8>))| a != b;
    assert!(!one.iter().zip(&other).any(differ), "the files differ");
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn an_archive_holds_the_program_its_documents_and_the_files_of_a_dba_and_belongs_to_root() {
    let clone = Clone::new("one");

    clone.packs("022");

    let archive = clone.archive();
    let name = archive.file_name().expect("a name").to_string_lossy().replace(".tar.gz", "");
    let names = tar(&["-tzf"], &archive);
    for file in [
        "rowkeep",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs/operate.md",
        "sql/setup/login.sql",
        "policies/tasks.sql",
    ] {
        assert!(names.lines().any(|line| line == format!("{name}/{file}")), "{file} is missing");
    }
    let below = |line: &&str| !line.starts_with(&format!("{name}/"));
    assert_eq!(names.lines().find(below), None);
    for directory in ["src", "tests", ".git", "target"] {
        assert!(!names.contains(&format!("{name}/{directory}/")), "{directory}");
    }
    let listed = tar(&["--numeric-owner", "-tvzf"], &archive);
    let program = listed.lines().find(|line| line.ends_with("/rowkeep")).expect("the program");
    assert!(program.starts_with("-rwxr-xr-x 0/0 "), "{program}");
    assert!(listed.lines().all(|line| line.contains(" 0/0 ") && &line[8..9] != "w"), "{listed}");
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn the_checksums_of_a_release_find_a_changed_byte_in_each_file() {
    let clone = Clone::new("one");
    clone.packs("022");
    let is_intact = || {
        let check = Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(clone.files())
            .output();
        check.expect("sha256sum").status.success()
    };
    assert!(is_intact());

    let files = std::fs::read_dir(clone.files()).expect("files").flatten().map(|entry| entry.path());
    for file in files.filter(|file| !file.ends_with("SHA256SUMS")) {
        let bytes = std::fs::read(&file).expect("a file");
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        std::fs::write(&file, changed).expect("a file");
        assert!(!is_intact(), "{}", file.display());
        std::fs::write(&file, bytes).expect("a file");
    }
    assert!(is_intact());
}

#[test]
fn a_program_of_another_commit_is_not_packed_and_neither_is_one_of_changed_sources() {
    let clone = Clone::new("one");

    for commit in ["0123456789ab".to_owned(), "unknown".into(), format!("{}-dirty", clone.head())] {
        let output = clone.pack("022", &[], &clone.program(&commit));

        assert!(!output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(&format!("the program is of commit {commit}")), "{text}");
        assert_eq!(std::fs::read_dir(clone.files()).expect("files").count(), 0);
    }
}

#[tokio::test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
async fn an_archive_is_all_that_a_deployment_needs() {
    let (clone, cluster) = (Clone::new("one"), OwnCluster::start().await);
    let output = clone.pack("022", &["--draft"], Path::new(env!("CARGO_BIN_EXE_rowkeep")));
    assert!(output.status.success(), "{output:?}");
    let home = Directory::named("installed");
    let directory = home.0.display().to_string();
    tar(&["--strip-components=1", "-C", &directory, "-xzf"], &clone.archive());
    drop(clone);
    let (admin, serving) = (cluster.url("postgres", "postgres"), cluster.url("rowkeep_login", "postgres"));
    let program = |arguments: &[&str], database: &str| {
        let mut program = Program::new(arguments).inside(&home.0);
        program.file = home.0.join("rowkeep");
        program.with(&[
            ("ENVIRONMENT", "production"),
            ("DATABASE_URL", database),
            ("BETTER_AUTH_SECRET", SECRET),
        ])
    };

    let migrated = program(&["migrate"], &admin).run().await;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let login = home.0.join("sql/setup/login.sql").display().to_string();
    let made =
        cluster.psql("postgres", &["-v", "login=rowkeep_login", "-v", "password=secret", "-f", &login]).await;
    assert!(made.status.success(), "{made:?}");
    let mut server = program(&["serve"], &serving).with(&[("PORT", "0")]).start();
    server.says("listening").await;

    let log = server.err();
    let address =
        log.split('"').find_map(|part| part.parse().ok()).unwrap_or_else(|| panic!("no address: {log}"));
    let alice = Person::new(address, "alice");
    eventually("healthy", async || alice.get("/health").await.status() == 200).await;
    alice.creates(json!({ "title": "buy milk" })).await;
    assert_eq!(alice.get("/api/tasks").await.json().as_array().map(Vec::len), Some(1));
}
