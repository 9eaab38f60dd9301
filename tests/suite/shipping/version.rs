//! The program names the release and the commit that it was built from.

use std::path::Path;
use std::process::Command;

use rowkeep::version::COMMIT;

use crate::operation::program::{Directory, Program};

// build.rs finds the commit with the same code.
#[path = "../../../build/commit.rs"]
mod commit;

use commit::Checkout;

/// Runs git as somebody, also where git does not know who runs the tests.
pub fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]);
    command.args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"]).args(arguments);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output = command.output().expect("git");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// A checkout with one commit.
fn checkout() -> Directory {
    let directory = Directory::named("checkout");
    std::fs::create_dir(directory.0.join("src")).expect("a directory");
    directory.write("src/main.rs", "fn main() {}\n");
    directory.write("notes.md", "Nothing that a program is made of.\n");
    git(&directory.0, &["init", "--quiet", "--initial-branch=main"]);
    git(&directory.0, &["add", "."]);
    git(&directory.0, &["commit", "--quiet", "--message=First"]);
    directory
}

fn head(directory: &Path) -> String {
    git(directory, &["rev-parse", "HEAD"])[..12].to_owned()
}

fn commit_of(directory: &Path) -> String {
    Checkout::at(directory).expect("a checkout").commit
}

/// When each file that cargo watches was changed for the last time.
fn watched(directory: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let files = Checkout::at(directory).expect("a checkout").files;
    files
        .into_iter()
        .map(|file| {
            let changed = std::fs::metadata(&file).and_then(|found| found.modified()).expect("a time");
            (file, changed)
        })
        .collect()
}

#[tokio::test]
async fn version_prints_the_release_and_the_commit() {
    let ended = Program::new(&["--version"]).run().await;

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out, format!("rowkeep {} ({COMMIT})\n", env!("CARGO_PKG_VERSION")));
    let hash = COMMIT.strip_suffix("-dirty").unwrap_or(COMMIT);
    let is_hash = hash.len() == 12 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_checkout = Checkout::at(root).is_some();
    assert!(is_hash || !is_checkout, "{hash} is no commit");
    if is_checkout {
        git(root, &["cat-file", "-e", &format!("{hash}^{{commit}}")]);
    }
}

#[test]
fn a_program_of_changed_sources_is_dirty_and_other_files_do_not_count() {
    let checkout = checkout();
    let head = head(&checkout.0);
    assert_eq!(commit_of(&checkout.0), head);

    checkout.write("notes.md", "Changed.\n");
    checkout.write("new.txt", "");
    assert_eq!(commit_of(&checkout.0), head);

    checkout.write("src/new.rs", "");
    assert_eq!(commit_of(&checkout.0), format!("{head}-dirty"));

    std::fs::remove_file(checkout.0.join("src/new.rs")).expect("it was there");
    checkout.write("src/main.rs", "fn main() { println!(); }\n");
    assert_eq!(commit_of(&checkout.0), format!("{head}-dirty"));
}

#[test]
fn a_worktree_has_its_own_commit_and_files() {
    let checkout = checkout();
    let elsewhere = Directory::named("worktrees");
    let worktree = elsewhere.0.join("worktree");
    let path = worktree.display().to_string();
    git(&checkout.0, &["worktree", "add", "--quiet", "-b", "other", &path]);
    let before = watched(&worktree);

    std::thread::sleep(std::time::Duration::from_millis(20));
    git(&worktree, &["commit", "--quiet", "--allow-empty", "--message=Second"]);

    assert_eq!(commit_of(&worktree), head(&worktree));
    assert_ne!(commit_of(&worktree), commit_of(&checkout.0));
    assert_ne!(watched(&worktree), before);
}

#[test]
fn cargo_notices_a_commit_and_another_branch_also_after_git_has_packed_its_files() {
    let checkout = checkout();
    git(&checkout.0, &["branch", "other"]);
    git(&checkout.0, &["pack-refs", "--all"]);

    for change in
        [["commit", "--quiet", "--allow-empty", "--message=Second"].as_slice(), &["switch", "-q", "other"]]
    {
        let before = watched(&checkout.0);
        assert!(!before.is_empty());
        std::thread::sleep(std::time::Duration::from_millis(20));
        git(&checkout.0, change);

        let changed = |(file, time): &(std::path::PathBuf, std::time::SystemTime)| {
            std::fs::metadata(file).and_then(|found| found.modified()).ok().as_ref() != Some(time)
        };
        assert!(before.iter().any(changed), "{change:?}: {before:?}");
    }
}

#[test]
fn files_from_an_archive_have_no_commit_also_inside_another_checkout() {
    let (plain, checkout) = (Directory::named("archive"), checkout());
    let inside = checkout.0.join("rowkeep-0.1.0");
    std::fs::create_dir(&inside).expect("a directory");

    assert!(Checkout::at(&plain.0).is_none());
    assert!(Checkout::at(&inside).is_none());
}
