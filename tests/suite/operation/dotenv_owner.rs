//! `.env` is read only from a checkout of the caller, by git's rules for safe directories.
//!
//! These tests need a second user. They do nothing if they do not run as root.

use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use super::checkout::is_root;
use super::program::{Directory, Program};

/// A user without rights, and another one.
const OWNER: u32 = 65_533;
const CALLER: u32 = 65_532;

/// A checkout with `.env`, all of it of this user.
fn checkout_of(user: u32) -> Directory {
    let directory = Directory::named("foreign");
    std::fs::create_dir(directory.0.join(".git")).expect("a directory");
    directory.write(".env", "LOG_LEVEL=from-file\n");
    for path in [".git", ".env", ""] {
        owned(&directory.0.join(path), user);
    }
    directory
}

fn owned(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).expect("another owner");
}

/// The program's error. It names the unknown `LOG_LEVEL` if `.env` was read.
async fn error_in(directory: &Directory, user: Option<u32>, settings: &[(&str, &str)]) -> String {
    let mut program =
        Program::new(&["serve"]).with(&[("CORS_ORIGINS", "*")]).with(settings).inside(&directory.0);
    program.user = user;
    let own = Directory::named("program");
    if user.is_some() {
        // That user may not be able to enter the directory of the built program.
        let copy = own.0.join("rowkeep");
        std::fs::copy(&program.file, &copy).expect("a copy");
        program.file = copy;
    }
    let ended = program.run().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended.err
}

fn assert_refused(error: &str, path: &str) {
    assert!(error.contains(".env is not read") && error.contains(path), "{path}: {error}");
    assert!(error.contains("safe.directory"), "{error}");
    assert!(!error.contains("from-file"), "{error}");
}

#[tokio::test]
async fn dotenv_of_another_user_is_not_read_by_root_and_the_refusal_says_so() {
    if !is_root() {
        return;
    }
    let directory = checkout_of(OWNER);

    let error = error_in(&directory, None, &[]).await;

    assert_refused(&error, &directory.0.join(".env").display().to_string());
    assert!(error.contains(&format!("belongs to user {OWNER}")), "{error}");
}

#[tokio::test]
async fn the_file_its_directory_and_git_must_each_belong_to_the_caller() {
    if !is_root() {
        return;
    }
    for foreign in [".env", ".git", ""] {
        for caller in [None, Some(CALLER)] {
            let directory = checkout_of(caller.unwrap_or(0));
            let path = directory.0.join(foreign);
            owned(&path, OWNER);

            let error = error_in(&directory, caller, &[]).await;

            assert_refused(&error, path.to_str().expect("text").trim_end_matches('/'));
        }
    }
}

#[tokio::test]
async fn dotenv_behind_a_link_must_belong_to_the_caller_as_the_link_must() {
    if !is_root() {
        return;
    }
    let elsewhere = Directory::named("elsewhere");
    elsewhere.write("settings", "LOG_LEVEL=from-file\n");
    let target = elsewhere.0.join("settings");
    for (link_owner, target_owner, is_read) in [(0, OWNER, false), (OWNER, 0, false), (0, 0, true)] {
        let directory = checkout_of(0);
        let link = directory.0.join(".env");
        std::fs::remove_file(&link).expect("no file");
        symlink(&target, &link).expect("a link");
        lchown(&link, Some(link_owner), None).expect("an owner");
        owned(&target, target_owner);

        let error = error_in(&directory, None, &[]).await;

        if is_read {
            assert!(error.contains("from-file"), "{error}");
        } else {
            assert_refused(&error, ".env");
        }
    }
}

#[tokio::test]
async fn dotenv_is_read_from_a_checkout_of_the_caller_or_of_root_whatever_its_mode() {
    if !is_root() {
        return;
    }
    for (owner, caller) in [(0, None), (CALLER, Some(CALLER)), (0, Some(CALLER))] {
        let directory = checkout_of(owner);
        for path in [".env", ""] {
            let mode = std::fs::Permissions::from_mode(0o777);
            std::fs::set_permissions(directory.0.join(path), mode).expect("a mode");
        }

        let error = error_in(&directory, caller, &[]).await;

        assert!(error.contains("from-file"), "{owner} {caller:?}: {error}");
    }
}

#[tokio::test]
async fn root_reads_dotenv_of_the_user_who_called_sudo_and_of_no_other() {
    if !is_root() {
        return;
    }
    let directory = checkout_of(OWNER);

    let hers = error_in(&directory, None, &[("SUDO_UID", &OWNER.to_string())]).await;
    let anothers = error_in(&directory, None, &[("SUDO_UID", &CALLER.to_string())]).await;
    let not_root = error_in(&directory, Some(CALLER), &[("SUDO_UID", &OWNER.to_string())]).await;

    assert!(hers.contains("from-file"), "{hers}");
    assert_refused(&anothers, ".env");
    assert_refused(&not_root, ".env");
}

#[tokio::test]
async fn dotenv_is_read_from_a_directory_that_git_calls_safe() {
    if !is_root() || !Path::new("/usr/bin/git").exists() {
        return;
    }
    let directory = checkout_of(OWNER);
    let real = std::fs::canonicalize(&directory.0).expect("a path");
    let (real, above) = (real.display(), real.parent().expect("a directory").display());
    for (lines, is_safe) in [
        (format!("directory = {real}"), true),
        (format!("directory = {above}/*"), true),
        ("directory = *".into(), true),
        (format!("directory = {real}\n\tdirectory = "), false),
        ("directory = /elsewhere".into(), false),
        ("".into(), false),
    ] {
        let home = Directory::named("home");
        // In a file that the other one includes, as people share settings between machines.
        home.write(".gitconfig", "[include]\n\tpath = shared\n");
        home.write("shared", &format!("[safe]\n\t{lines}\n"));

        let error = error_in(&directory, None, &[("HOME", &home.0.display().to_string())]).await;

        assert_eq!(error.contains("from-file"), is_safe, "{lines}: {error}");
    }
    // A checkout cannot call itself safe.
    directory.write(".git/config", "[safe]\n\tdirectory = *\n");
    assert_refused(&error_in(&directory, None, &[]).await, ".env");
}

#[tokio::test]
async fn a_foreign_checkout_without_dotenv_is_no_problem() {
    if !is_root() {
        return;
    }
    let directory = checkout_of(OWNER);
    std::fs::remove_file(directory.0.join(".env")).expect("no file");

    let error = error_in(&directory, None, &[]).await;

    assert!(error.contains("CORS_ORIGINS") && !error.contains(".env"), "{error}");
}
