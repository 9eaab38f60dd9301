//! Finds PostgreSQL's server programs, and runs them as a user who is not root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::DevelopmentError;
use super::ownership::is_trusted;
use crate::schema::OLDEST_POSTGRES;

/// The variable that names the only directory to look for the programs in. `.env` cannot set it.
pub const POSTGRES_BIN_DIR: &str = "POSTGRES_BIN_DIR";

/// The programs that run a cluster.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The server programs `initdb`, `pg_ctl` and `postgres` of one release, which are in one directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    directory: PathBuf,
    /// The release: [`OLDEST_POSTGRES`] or newer.
    pub major: u32,
}

/// Where packages install the programs of each release: `<first>/<release>/<second>`.
const INSTALL_DIRECTORIES: [(&str, &str); 7] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"), // /usr/pgsql-17/bin
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
    ("/usr/local", "bin"), // /usr/local/pgsql/bin
];

impl Programs {
    /// The newest programs of this machine, or those of release `major`.
    ///
    /// Looks only in `POSTGRES_BIN_DIR` if it is set, else in `PATH` and the directories that packages install to.
    ///
    /// # Errors
    /// This machine has no such programs. The text says how to get them.
    pub fn find(major: Option<u32>) -> Result<Self, DevelopmentError> {
        let Candidates { mut found, foreign } = candidates();
        found.sort_by_key(|programs| std::cmp::Reverse(programs.major));
        let wanted = |programs: &Self| major.is_none_or(|major| programs.major == major);

        found.into_iter().find(wanted).ok_or_else(|| {
            DevelopmentError(match major {
                Some(major) => format!(
                    "the development database was made with PostgreSQL {major}, but the server programs of that \
                     release are not on this machine; install them again{}",
                    not_run(&foreign)
                ),
                None => no_programs() + &not_run(&foreign),
            })
        })
    }

    /// The full path of a program.
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// A command that runs `program` in `directory`, as `user` if there is one.
    pub(super) fn command(&self, program: &str, directory: &Path, user: Option<SystemUser>) -> Command {
        let mut command = isolated(&self.path(program), directory, user);
        // In a process group of its own, PostgreSQL gets no ctrl-c. Rowkeep stops it.
        command.process_group(0);
        command
    }

    /// The programs in `directory`; `None` if one is missing, if the user that PostgreSQL runs as cannot run them, or if they
    /// are older than [`OLDEST_POSTGRES`].
    pub fn at(directory: &Path) -> Option<Self> {
        if !PROGRAMS.iter().all(|name| directory.join(name).is_file()) {
            return None;
        }
        // A directory in PATH can hold links: the real directory has all programs of that release.
        let postgres = fs::canonicalize(directory.join("postgres")).ok()?;
        let directory = postgres.parent()?.to_owned();
        let user = SystemUser::for_postgresql().ok()?;
        let output = isolated(&postgres, Path::new("/"), user).arg("--version").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?; // "postgres (PostgreSQL) 15.20 (Debian ...)"
        let major =
            version.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        (major >= OLDEST_POSTGRES).then_some(Self { directory, major })
    }
}

/// A program that gets nothing of this process: neither its secrets and its PGPORT nor the privileges of root.
fn isolated(program: &Path, directory: &Path, user: Option<SystemUser>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
    // Large pages of memory: an audit takes a quarter less processor time, which is most of what the tests need.
    command.env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
    command.current_dir(directory);
    if let Some(SystemUser { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Whether programs that were not named by the caller may run: none, nor their directory, is somebody else's.
fn is_of_caller(directory: &Path) -> bool {
    let trusts = |path: &Path| fs::metadata(path).is_ok_and(|found| is_trusted(&found));
    fs::canonicalize(directory.join("postgres")).is_ok_and(|program| {
        program.parent().is_some_and(|directory| {
            trusts(directory) && PROGRAMS.iter().all(|name| trusts(&directory.join(name)))
        })
    })
}

struct Candidates {
    found: Vec<Programs>,
    /// Directories with programs of somebody else, which were not run.
    foreign: Vec<PathBuf>,
}

fn candidates() -> Candidates {
    if let Some(directory) = named_directory() {
        return Candidates { found: Programs::at(&directory).into_iter().collect(), foreign: vec![] };
    }

    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let installed = INSTALL_DIRECTORIES.iter().flat_map(|(before, after)| {
        let releases = fs::read_dir(before).into_iter().flatten().flatten();
        releases.filter(|entry| is_release(&entry.file_name())).map(move |entry| entry.path().join(after))
    });
    // A relative directory of PATH would lead into a foreign checkout.
    let all = in_path.into_iter().chain(installed).filter(|directory| directory.is_absolute());
    let complete = all.filter(|directory| PROGRAMS.iter().all(|name| directory.join(name).is_file()));
    let (own, foreign): (Vec<_>, Vec<_>) = complete.partition(|directory| is_of_caller(directory));
    Candidates { found: own.iter().filter_map(|directory| Programs::at(directory)).collect(), foreign }
}

fn named_directory() -> Option<PathBuf> {
    std::env::var_os(POSTGRES_BIN_DIR).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Whether a directory's name is one of a release: `17`, `pgsql-17`, `pgsql`, `postgresql@17`.
fn is_release(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("pgsql")
        || name.starts_with("postgresql")
        || name.starts_with(|first: char| first.is_ascii_digit())
}

fn no_programs() -> String {
    let missing = match named_directory() {
        Some(directory) => format!(
            "{POSTGRES_BIN_DIR} names {}, which has no {} of PostgreSQL {OLDEST_POSTGRES} or newer that can run{}",
            directory.display(),
            PROGRAMS.join(", "),
            if is_root() { " as another user than root" } else { "" }
        ),
        None => {
            format!("PostgreSQL's server programs ({OLDEST_POSTGRES} or newer) are not on this machine")
        }
    };
    format!(
        "\
{missing}. One of these helps:
  make run                                    installs them with apt-get (Debian, Ubuntu) or Homebrew
  apt-get install postgresql                  or another package of your system; then start rowkeep again
  docker compose up -d --wait database        a container instead: see DATABASE_URL in .env.example
  POSTGRES_BIN_DIR=/path/to/bin rowkeep       if they are in another directory; its programs do not run as root"
    )
}

/// The programs that were found and not run.
fn not_run(foreign: &[PathBuf]) -> String {
    let line = |directory: &PathBuf| {
        format!(
            "\n{} has such programs. They belong to another user, and are run only if {POSTGRES_BIN_DIR} names them",
            directory.display()
        )
    };
    foreign.iter().map(line).collect()
}

/// A user of the operating system, and their group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SystemUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl SystemUser {
    /// The user to run PostgreSQL as; `None` for the user of this process. PostgreSQL refuses to run as root. If this
    /// process does, the user is `postgres`, or `nobody` where there is no `postgres`.
    ///
    /// # Errors
    /// This process runs as root, and the machine has neither user.
    pub(super) fn for_postgresql() -> Result<Option<Self>, DevelopmentError> {
        if !is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"].iter().find_map(|name| Self::in_passwd(&users, name)).map(Some).ok_or_else(
            || {
                DevelopmentError(
                    "PostgreSQL does not run as root, and this machine has no user postgres or nobody; add one, or start \
                     rowkeep as another user"
                        .into(),
                )
            },
        )
    }

    fn in_passwd(users: &str, wanted: &str) -> Option<Self> {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            (name == wanted).then_some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        })
    }
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_a_release_is_known_by_its_name() {
        for name in ["15", "pgsql-17", "pgsql", "postgresql@16", "18.1"] {
            assert!(is_release(OsStr::new(name)), "{name}");
        }
        for name in ["bin", "share", "latest"] {
            assert!(!is_release(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_user_is_read_from_passwd() {
        let users = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/nonexistent:/bin/false\n";

        assert_eq!(SystemUser::in_passwd(users, "nobody"), Some(SystemUser { uid: 65534, gid: 65533 }));
        assert_eq!(SystemUser::in_passwd(users, "postgres"), None);
    }
}
