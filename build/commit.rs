//! The commit that a program is built from. `build.rs` compiles this file, and so do the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that a program is made of. A change of any other file makes no other program.
pub const SOURCES: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "build",
    "build.rs",
    "migrations",
    "policies",
    "rust-toolchain.toml",
    "sql",
    "src",
];

/// What git says about a checkout.
#[derive(Debug)]
pub struct Checkout {
    /// The first 12 digits of the commit, with `-dirty` if a source differs from it.
    pub commit: String,
    /// The files of git that change whenever another commit is checked out.
    pub files: Vec<PathBuf>,
}

impl Checkout {
    /// The checkout with this root. `None` if the directory is no root of a checkout (the files are from an archive), if it
    /// has no commit, or if git is missing or refuses to read it.
    pub fn at(root: &Path) -> Option<Self> {
        // An archive can be unpacked inside the checkout of another project.
        let top = fs::canonicalize(git(root, &["rev-parse", "--show-toplevel"])?).ok()?;
        if top != fs::canonicalize(root).ok()? {
            return None;
        }

        let commit = git(root, &["rev-parse", "--verify", "HEAD"])?;
        let status = ["--no-optional-locks", "status", "--porcelain", "--"];
        let changes = git(root, &[status.as_slice(), &SOURCES].concat())?;
        let dirty = if changes.is_empty() { "" } else { "-dirty" };
        Some(Self { commit: format!("{}{dirty}", commit.get(..12)?), files: files(root) })
    }
}

/// `HEAD` changes with the branch, and its log with each commit. Without that log, the file of the branch changes, or the
/// file of all branches. In a worktree these are in several directories.
fn files(root: &Path) -> Vec<PathBuf> {
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    let names = [Some("HEAD"), Some("logs/HEAD"), branch.as_deref(), Some("packed-refs")];
    let path = |name: &str| git(root, &["rev-parse", "--git-path", name]).map(|path| root.join(path));
    // Cargo builds again and again if a file is missing.
    names.into_iter().flatten().filter_map(path).filter(|path| path.exists()).collect()
}

/// What git prints, without the end of the line. `None` if it fails.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(root).args(arguments);
    // A hook of git sets these, for another checkout perhaps.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}
