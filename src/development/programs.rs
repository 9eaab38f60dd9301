//! Finding PostgreSQL's server programs, and running them as somebody who is not root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Unavailable;

/// A directory with `initdb`, `pg_ctl` and `postgres`, all of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    directory: PathBuf,
    /// 15 or newer.
    pub major: u32,
}

/// Where packages put the programs of every release side by side: `<before>/<release><after>`.
const USUAL: [(&str, &str); 7] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"), // /usr/pgsql-17/bin
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
    ("/usr/local", "bin"), // /usr/local/pgsql/bin
];

const OLDEST: u32 = 15;

impl Programs {
    /// The newest programs of this machine, or those of release `major` if a cluster was made with it.
    ///
    /// Looks in `POSTGRES_BIN_DIR`, and only there if it is set; else in `PATH` and the usual directories.
    ///
    /// # Errors
    /// The ways out, when there are none.
    pub fn find(major: Option<u32>) -> Result<Self, Unavailable> {
        let mut found = candidates();
        found.sort_by_key(|programs| std::cmp::Reverse(programs.major));
        let wanted = |programs: &Self| major.is_none_or(|major| programs.major == major);

        found.into_iter().find(wanted).ok_or_else(|| {
            Unavailable(match major {
                Some(major) => format!(
                    "the development database was made with PostgreSQL {major}, whose server programs are gone; \
                     install them again"
                ),
                None => NO_PROGRAMS.into(),
            })
        })
    }

    /// The full path of a program.
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// A program that will run in `directory` as the user whom PostgreSQL accepts.
    pub(super) fn command(&self, program: &str, directory: &Path, runner: Option<Runner>) -> Command {
        let mut command = Command::new(self.path(program));
        // Neither the developer's PGPORT nor their LANG is this server's business.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
        command.current_dir(directory);
        // A terminal's ctrl-c is for rowkeep, which then stops PostgreSQL itself.
        command.process_group(0);
        if let Some(Runner { uid, gid }) = runner {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The programs in `directory`, if they are all there and new enough.
    pub fn at(directory: &Path) -> Option<Self> {
        let complete = ["initdb", "pg_ctl", "postgres"].iter().all(|name| directory.join(name).is_file());
        if !complete {
            return None;
        }
        // PATH may hold links to programs that belong together elsewhere.
        let directory = fs::canonicalize(directory.join("postgres")).ok()?.parent()?.to_owned();
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?; // "postgres (PostgreSQL) 15.20 (Debian ...)"
        let major =
            version.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        (major >= OLDEST).then_some(Self { directory, major })
    }
}

fn candidates() -> Vec<Programs> {
    if let Some(directory) = std::env::var_os("POSTGRES_BIN_DIR").filter(|value| !value.is_empty()) {
        return Programs::at(Path::new(&directory)).into_iter().collect();
    }

    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let usual = USUAL.iter().flat_map(|(before, after)| {
        let releases = fs::read_dir(before).into_iter().flatten().flatten();
        releases.filter(|entry| is_release(&entry.file_name())).map(move |entry| entry.path().join(after))
    });
    in_path.into_iter().chain(usual).filter_map(|directory| Programs::at(&directory)).collect()
}

/// `17`, `pgsql-17`, `pgsql`, `postgresql@17`
fn is_release(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("pgsql")
        || name.starts_with("postgresql")
        || name.starts_with(|first: char| first.is_ascii_digit())
}

const NO_PROGRAMS: &str = "\
PostgreSQL's server programs (15 or newer) are not on this machine. One of these helps:
  make run                                    installs them first, on Debian, Ubuntu and with Homebrew
  apt-get install postgresql                  or your system's package; then start rowkeep again
  docker compose up -d --wait database        a container instead: set DATABASE_URL as in .env.example
  POSTGRES_BIN_DIR=/path/to/bin rowkeep       if they are in an unusual place";

/// The user and group that PostgreSQL's programs run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Runner {
    /// PostgreSQL refuses to run as root: `postgres` takes its place, else `nobody`. None: run as who we are.
    ///
    /// # Errors
    /// When this is root and there is nobody else.
    pub(super) fn choose() -> Result<Option<Self>, Unavailable> {
        if !is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"].iter().find_map(|name| Self::in_passwd(&users, name)).map(Some).ok_or_else(
            || Unavailable("PostgreSQL does not run as root, and there is no user postgres or nobody".into()),
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

/// Whether this process runs as root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_known_by_their_directories() {
        for name in ["15", "pgsql-17", "pgsql", "postgresql@16", "18.1"] {
            assert!(is_release(OsStr::new(name)), "{name}");
        }
        for name in ["bin", "share", "latest"] {
            assert!(!is_release(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_runner_is_read_from_passwd() {
        let users = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/nonexistent:/bin/false\n";

        assert_eq!(Runner::in_passwd(users, "nobody"), Some(Runner { uid: 65534, gid: 65533 }));
        assert_eq!(Runner::in_passwd(users, "postgres"), None);
    }
}
