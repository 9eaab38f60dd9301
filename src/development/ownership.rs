//! Whose a file is. Nobody but the caller may give settings or programs to this process, which can run as root.
//!
//! The rules are git's for repositories (`safe.directory` in git-config(1)): the owner counts, and not the mode.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

/// Where git is. The caller's PATH can lead into a foreign directory.
const GIT: [&str; 4] = ["/usr/bin/git", "/usr/local/bin/git", "/bin/git", "/opt/homebrew/bin/git"];

/// Whether a file belongs to the user of this process, or to root. A file of the user who has called `sudo` counts as root's.
pub(super) fn is_trusted(file: &Metadata) -> bool {
    let (owner, caller) = (file.uid(), geteuid());
    let is_of_sudo = || {
        let user = std::env::var("SUDO_UID").ok().and_then(|user| user.parse().ok());
        caller.is_root() && user == Some(owner)
    };
    owner == caller.as_raw() || owner == 0 || is_of_sudo()
}

/// The bytes of a file in a checkout; `None` if there is no file. The file, its directory and `.git` must be the caller's.
///
/// # Errors
/// The file cannot be read, or somebody else could have written it.
pub fn read_own(checkout: &Path, name: &str) -> Result<Option<Vec<u8>>, String> {
    let failed = |error: io::Error| format!("{name} cannot be read: {error}");
    let path = checkout.join(name);
    // Before it is opened: the pipe of somebody else would never answer.
    let foreign = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(found) if found.is_dir() => return Ok(None),
        Ok(found) => foreign(&path, Ok(found)).or_else(|| {
            [checkout.to_owned(), checkout.join(".git")].into_iter().find_map(|path| {
                let found = fs::symlink_metadata(&path);
                foreign(&path, found)
            })
        }),
    };
    if let Some(foreign) = foreign.filter(|_| !git_trusts(checkout)) {
        return Err(foreign.refusal(name, checkout));
    }

    let mut file = File::open(&path).map_err(failed)?;
    // The path can be a link to the file of somebody else.
    if let Some(foreign) = self::foreign(&path, file.metadata()).filter(|_| !git_trusts(checkout)) {
        return Err(foreign.refusal(name, checkout));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// A file of somebody else.
struct Foreign {
    path: PathBuf,
    owner: u32,
}

impl Foreign {
    fn refusal(&self, name: &str, checkout: &Path) -> String {
        format!(
            "{name} is not read, because {} belongs to user {} and this process runs as user {}: its owner could choose your \
             settings. If you trust {checkout}, say so to git, too: git config --global --add safe.directory {checkout}. Else \
             change the owner, or start elsewhere",
            self.path.display(),
            self.owner,
            geteuid().as_raw(),
            checkout = checkout.display()
        )
    }
}

/// The file, if it exists and is not trusted.
fn foreign(path: &Path, found: io::Result<Metadata>) -> Option<Foreign> {
    let found = found.ok().filter(|found| !is_trusted(found))?;
    Some(Foreign { path: path.to_owned(), owner: found.uid() })
}

/// Whether the caller has told git that a directory is safe, whoever owns it.
///
/// Git itself reads its configuration: files can include others. It runs outside of the checkout, and as the caller, whose
/// configuration it is.
fn git_trusts(directory: &Path) -> bool {
    let is_own = |path: &&str| fs::metadata(path).is_ok_and(|found| is_trusted(&found));
    let Some(git) = GIT.into_iter().find(is_own) else { return false };
    let is_kept = |name: &OsStr| {
        name == "HOME" || name == "XDG_CONFIG_HOME" || name.as_bytes().starts_with(b"GIT_CONFIG")
    };
    let output = Command::new(git)
        .args(["config", "--null", "--show-scope", "--type=path", "--get-all", "safe.directory"])
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_kept(name)))
        .current_dir("/")
        .output();
    output.is_ok_and(|output| lists(&output.stdout, directory))
}

/// Whether git's list of safe directories has this one. The list is pairs of a scope and a value. A repository cannot call
/// itself safe, and an empty value discards the values before it.
fn lists(output: &[u8], directory: &Path) -> bool {
    let mut is_safe = false;
    let parts: Vec<_> = output.split(|byte| *byte == 0).collect();
    for pair in parts.chunks_exact(2) {
        let [scope, value] = pair else { continue };
        if !matches!(*scope, b"system" | b"global" | b"command") {
            continue;
        }
        is_safe = match *value {
            b"" => false,
            b"*" => true,
            value => is_safe || names(value, directory),
        };
    }
    is_safe
}

fn names(value: &[u8], directory: &Path) -> bool {
    let real = |path: &[u8]| fs::canonicalize(OsStr::from_bytes(path)).ok();
    match value.strip_suffix(b"*").filter(|above| above.ends_with(b"/")) {
        Some(above) => real(above).is_some_and(|above| directory != above && directory.starts_with(&above)),
        // git also takes "." for the working directory. Here the command runs elsewhere, and it names nothing.
        None => value.starts_with(b"/") && real(value).is_some_and(|path| path == directory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_safe_by_the_rules_of_git() {
        let directory = fs::canonicalize(std::env::temp_dir()).expect("a directory");
        let (path, above) = (directory.display(), directory.parent().expect("a directory above").display());
        let above = format!("{}/*", above.to_string().trim_end_matches('/'));
        for (list, wanted) in [
            (String::new(), false),
            (format!("global\0{path}\0"), true),
            (format!("system\0{path}\0"), true),
            (format!("command\0{path}\0"), true),
            (format!("local\0{path}\0"), false),
            (format!("worktree\0{path}\0"), false),
            ("global\0*\0".into(), true),
            (format!("global\0{above}\0"), true),
            (format!("global\0{path}/*\0"), false),
            (format!("global\0{path}\0global\0\0"), false),
            (format!("global\0{path}\0global\0/usr\0"), true),
            ("global\0*\0global\0\0global\0/usr\0".into(), false),
            ("global\0/usr\0".into(), false),
            (format!("system\0/usr\0global\0{path}\0"), true),
        ] {
            assert_eq!(lists(list.as_bytes(), &directory), wanted, "{list:?}");
        }
        let here = fs::canonicalize(".").expect("a working directory");
        assert!(!lists(b"global\0.\0", &here), "git does not run there");
    }
}
