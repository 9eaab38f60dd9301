//! The programs that development starts: which ones, as whom, and with what.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::checkout::{Checkout, is_root, shell};
use super::program::Directory;
use crate::world::SECRET;

/// Programs that write into `record` as whom they run and with which environment, and that are no PostgreSQL.
fn spies(directory: &Path, record: &Path) {
    std::fs::create_dir_all(directory).expect("a directory");
    for name in ["postgres", "initdb", "pg_ctl"] {
        let script = format!(
            "#!/bin/sh\n{{ echo \"uid=$(id -u) groups=$(id -G)\"; env; }} >> '{}'\n",
            record.display()
        );
        let path = directory.join(name);
        std::fs::write(&path, script).expect("a program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    }
}

/// A file that every user can write.
fn record(directory: &Directory) -> std::path::PathBuf {
    let path = directory.0.join("record");
    directory.write("record", "");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("a mode");
    path
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a record")
}

#[tokio::test]
async fn programs_get_no_secret_and_none_of_the_privileges_of_root() {
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let record = record(&directory);
    spies(&directory.0.join("bin"), &record);
    let programs = directory.0.join("bin").display().to_string();
    let settings = [
        ("POSTGRES_BIN_DIR", programs.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("JWKS_URL", "https://auth.example.com/?key=hush"),
        ("LD_LIBRARY_PATH", "/nowhere"),
    ];

    let ended = checkout.program(&[]).with(&settings).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    let record = text(&record);
    assert!(record.starts_with("uid="), "`postgres --version` was not run: {ended:?}");
    assert!(!is_root() || !record.contains("uid=0 ") && !record.contains("groups=0"), "{record}");
    for part in [SECRET, "hush", "BETTER_AUTH", "JWKS", "LD_LIBRARY_PATH", "HOME"] {
        assert!(!record.contains(part), "{part}: {record}");
    }
}

#[tokio::test]
async fn dotenv_cannot_name_programs_to_run() {
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let record = record(&directory);
    spies(&directory.0.join("bin"), &record);
    let line = format!("POSTGRES_BIN_DIR={}\n", directory.0.join("bin").display());
    std::fs::write(checkout.path.join(".env"), line).expect("a file");

    let ended = checkout.program(&[]).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(".env: POSTGRES_BIN_DIR names programs to run"), "{}", ended.err);
    assert_eq!(text(&record), "");
}

/// It gives settings. Other variables would change the programs and libraries that this process uses.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn dotenv_sets_no_variable_that_is_not_a_setting() {
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let record = record(&directory);
    spies(&directory.0.join("bin"), &record);
    let lines =
        format!("PATH={}\nXDG_DATA_HOME=/nowhere\nLOG_LEVEL=from-file\n", directory.0.join("bin").display());
    std::fs::write(checkout.path.join(".env"), &lines).expect("a file");
    let mut program = checkout.program(&[]);
    program.settings.remove("PATH");

    let named = program.clone().run().await;
    std::fs::write(checkout.path.join(".env"), lines.replace("from-file", "info")).expect("a file");
    let mut running = program.start();
    running.says("-c rollback").await;

    assert!(named.err.contains("from-file"), "{named:?}");
    assert_eq!(text(&record), "");
    running.signal("TERM");
    running.ended().await;
}

/// Root often has a directory of somebody else as its working directory.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_relative_directory_in_path_leads_to_no_programs() {
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let record = record(&directory);
    spies(&checkout.path, &record);
    spies(&checkout.path.join("bin"), &record);
    let path = std::env::var("PATH").unwrap_or_default();

    for first in [".", "bin", ""] {
        let mut running = checkout.program(&[]).with(&[("PATH", &format!("{first}:{path}"))]).start();
        running.says("-c rollback").await;
        running.signal("TERM");
        running.ended().await;

        assert_eq!(text(&record), "", "{first:?}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn root_runs_no_program_of_another_user_that_path_leads_to() {
    if !is_root() {
        return;
    }
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let record = record(&directory);
    let programs = directory.0.join("bin");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());

    // Its programs run together: none runs if one of them is somebody else's.
    for foreign in ["postgres", "initdb", "."] {
        spies(&programs, &record);
        std::os::unix::fs::chown(programs.join(foreign), Some(65_533), Some(65_533)).expect("an owner");

        let mut running = checkout.program(&[]).with(&[("PATH", &path)]).start();
        running.says("-c rollback").await;
        running.signal("TERM");
        running.ended().await;

        assert_eq!(text(&record), "", "{foreign}");
        std::fs::remove_dir_all(&programs).expect("an end");
    }
}

#[tokio::test]
async fn programs_of_another_user_are_named_where_no_others_are_found() {
    if !is_root() {
        return;
    }
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let record = record(&directory);
    let programs = directory.0.join("bin");
    spies(&programs, &record);
    std::os::unix::fs::chown(&programs, Some(65_533), Some(65_533)).expect("an owner");
    checkout.program(&["token", "--user", "alice"]).run().await;
    let data = checkout.home().expect("a home").join("data");
    std::fs::create_dir(&data).expect("a directory");
    std::fs::write(data.join("PG_VERSION"), "99\n").expect("a release that no machine has");

    let ended = checkout.program(&[]).with(&[("PATH", programs.to_str().expect("text"))]).run().await;

    let told = format!("\n  {} has such programs. They belong to another user", programs.display());
    assert!(ended.code == Some(1) && ended.err.contains("PostgreSQL 99"), "{ended:?}");
    assert!(ended.err.contains(&told) && ended.err.contains("POSTGRES_BIN_DIR"), "{ended:?}");
    assert_eq!(text(&record), "");
}

/// Its owner could replace the database, the secret, and the configuration that PostgreSQL obeys.
#[tokio::test]
async fn a_directory_of_another_user_is_not_used_for_the_database_and_the_secret() {
    if !is_root() {
        return;
    }
    let checkout = Checkout::of_an_ordinary_user("c", "home");
    let data = Directory::named("data");
    let foreign = data.0.join("rowkeep");
    std::fs::create_dir(&foreign).expect("a directory");
    std::os::unix::fs::chown(&foreign, Some(65_533), Some(65_533)).expect("an owner");
    std::fs::set_permissions(&foreign, std::fs::Permissions::from_mode(0o777)).expect("a mode");

    for command in [&["token", "--user", "alice"][..], &["migrate"]] {
        let settings = [("XDG_DATA_HOME", data.0.to_str().expect("text"))];
        let ended = checkout.program(command).with(&settings).run().await;

        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains("belongs to another user"), "{}", ended.err);
    }
    assert_eq!(std::fs::read_dir(&foreign).expect("a directory").count(), 0);
}

/// With a umask of 0 everybody could write what PostgreSQL runs. With 077 the user that PostgreSQL runs as could not read it.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_files_of_development_have_their_modes_whatever_the_umask() {
    for umask in ["000", "077"] {
        let checkout = Checkout::new("c");
        let mut program = checkout.program(&[]);
        program.arguments = vec![
            "-c".into(),
            format!("umask {umask}; exec \"$0\""),
            std::mem::replace(&mut program.file, "/bin/sh".into()).display().to_string(),
        ];
        let mut running = program.start();
        running.says("-c rollback").await;
        let home = checkout.home().expect("a home");

        let writable = shell(&format!("find '{}' -perm /022 ! -type l ! -type s", home.display())).await;
        let mode = |name: &str| {
            let found = std::fs::metadata(home.join(name)).expect("a file");
            found.permissions().mode() & 0o777
        };

        assert_eq!(String::from_utf8_lossy(&writable.stdout), "", "umask {umask}");
        assert_eq!((mode("secret"), mode(""), mode("rowkeep.conf")), (0o600, 0o711, 0o644), "umask {umask}");
        assert_eq!((mode("socket"), mode("log"), mode("data")), (0o700, 0o700, 0o700), "umask {umask}");
        running.signal("TERM");
        running.ended().await;
    }
}
