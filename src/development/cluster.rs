//! A private PostgreSQL: no TCP, a socket in a directory that only its user (and root) can enter.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::programs::{Programs, Runner};
use super::{Unavailable, home_of_checkout};
use crate::database::{Address, describe};
use crate::schema;

const EXISTS: &str = include_str!("../../sql/development/database_exists.sql");
const CREATE: &str = include_str!("../../sql/development/database.sql");

/// The longest path a Unix socket may have is 107 bytes on Linux and 103 on macOS.
const LONGEST_SOCKET: usize = 100;

/// A running PostgreSQL that belongs to one directory. It is stopped when its last user lets go of it.
#[derive(Debug)]
pub struct Cluster {
    home: PathBuf,
    programs: Programs,
    runner: Option<Runner>,
    socket_directory: PathBuf,
    /// Locked by everybody who uses the cluster: who gets it alone is the last.
    users: File,
}

impl Cluster {
    /// The cluster of this checkout: made if there is none, started if it does not run, and adopted if it does.
    /// Blocks while it starts.
    ///
    /// # Errors
    /// What stopped it, with the last lines of the server's log.
    pub fn of_checkout() -> Result<Self, Unavailable> {
        Self::start(&home_of_checkout()?, "")
    }

    /// The cluster in `home`, with more `settings` than the usual ones. Blocks while it starts.
    ///
    /// # Errors
    /// As [`Cluster::of_checkout`].
    pub fn start(home: &Path, settings: &str) -> Result<Self, Unavailable> {
        let made_with = fs::read_to_string(home.join("data/PG_VERSION")).ok();
        let programs = Programs::find(made_with.and_then(|major| major.trim().parse().ok()))?;
        Self::start_with(programs, home, settings)
    }

    /// The same with these programs, which must be of the release that the cluster was made with.
    ///
    /// # Errors
    /// As [`Cluster::of_checkout`].
    pub fn start_with(programs: Programs, home: &Path, settings: &str) -> Result<Self, Unavailable> {
        let runner = Runner::choose()?;
        let data = home.join("data");
        let socket_directory = private_directory(&socket_directory(home), runner)?;

        // Whoever starts or stops does so alone.
        let turn = lock_file(&home.join("turn")).and_then(|file| file.lock().map(|()| file));
        let turn = turn.map_err(|error| Unavailable::at(home, error))?;
        let users = lock_file(&home.join("users")).map_err(|error| Unavailable::at(home, error))?;

        let cluster = Self { home: home.to_owned(), programs, runner, socket_directory, users };
        let ready = cluster.make_ready(&data, settings);
        // Letting go of a cluster that did not start takes a turn as well.
        drop(turn);
        ready.map(|()| cluster)
    }

    fn make_ready(&self, data: &Path, settings: &str) -> Result<(), Unavailable> {
        if !data.join("PG_VERSION").exists() {
            self.init(data)?;
        }
        if !self.runs()? {
            self.launch(settings)?;
        }
        self.users.lock_shared().map_err(|error| Unavailable::at(&self.home, error))
    }

    /// Where the server listens: a directory for `psql -h`.
    pub fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }

    /// The server programs that this cluster runs with.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// A database of this cluster, as its superuser.
    ///
    /// # Errors
    /// When the directory's name cannot stand in an address.
    pub fn address(&self, database: &str) -> Result<Address, Unavailable> {
        let host = self.socket_directory.to_string_lossy().replace('\\', "\\\\").replace('\'', "\\'");
        Address::parse(&format!("host='{host}' port=5432 user=postgres dbname={database}"))
            .map_err(Unavailable)
    }

    /// The database `rowkeep`, made if there is none yet.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn database(&self) -> Result<Address, Unavailable> {
        let problem = |error: tokio_postgres::Error| {
            Unavailable(format!("the development database says: {}", describe(&error)))
        };
        let client = schema::connect(&self.address("postgres")?).await;
        let client = client.map_err(|error| Unavailable(format!("{error}{}", self.afresh())))?;
        let made: bool =
            client.query_one(EXISTS, &[]).await.and_then(|row| row.try_get(0)).map_err(problem)?;
        if !made {
            match client.batch_execute(CREATE).await {
                // duplicate_database, unique_violation: another process made it just now.
                Err(error) if matches!(error.code().map(|c| c.code()), Some("42P04" | "23505")) => {}
                other => other.map_err(problem)?,
            }
        }
        self.address("rowkeep")
    }

    /// Elsewhere first: what an `initdb` that was killed leaves behind is never taken for a database.
    fn init(&self, data: &Path) -> Result<(), Unavailable> {
        tracing::info!("making a development database, once; this takes a few seconds");
        let fresh = self.home.join("data.new");

        // Not every system knows C.UTF-8; where it does not, letters beyond ASCII have no case.
        let made = self.init_with_locale(&fresh, "C.UTF-8").or_else(|error| {
            if error.0.contains("invalid locale name") {
                self.init_with_locale(&fresh, "C")
            } else {
                Err(error)
            }
        });
        made?;
        fs::rename(&fresh, data).map_err(|error| Unavailable::at(data, error))
    }

    fn init_with_locale(&self, fresh: &Path, locale: &str) -> Result<(), Unavailable> {
        match fs::remove_dir_all(fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Unavailable::at(fresh, error));
            }
            _ => private_directory(fresh, self.runner)?,
        };
        let mut command = self.command("initdb");
        command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}")).arg("--pgdata").arg(fresh);
        self.run(command)
    }

    /// PostgreSQL takes a process that was killed and not yet waited for as one that runs: so we wait.
    fn runs(&self) -> Result<bool, Unavailable> {
        let pid_file = self.home.join("data/postmaster.pid");
        for _ in 0..50 {
            let mut command = self.command("pg_ctl");
            command.arg("status").arg("--pgdata").arg(self.home.join("data"));
            if !output(&mut command)?.status.success() {
                return Ok(false);
            }
            if !is_defunct(&pid_file) {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(Unavailable(format!(
            "the development database was killed, and its process stays defunct because nobody waits for it: run the \
             container with an init process (docker run --init), or delete {}{}",
            pid_file.display(),
            self.afresh()
        )))
    }

    fn launch(&self, settings: &str) -> Result<(), Unavailable> {
        let text = format!(
            "# Written at each start. Not in the data directory: that belongs to the user PostgreSQL runs as.\n\
             include = {}\n\
             listen_addresses = ''\n\
             port = 5432\n\
             unix_socket_directories = {}\n\
             unix_socket_permissions = 0700\n\
             {settings}\n",
            quoted(&self.home.join("data/postgresql.conf")),
            quoted(&self.socket_directory)
        );
        let conf = self.home.join("rowkeep.conf");
        fs::write(&conf, text).map_err(|error| Unavailable::at(&conf, error))?;

        let log = self.home.join("log");
        let log_file = private_directory(&log, self.runner)?.join("server.log");
        // Relative to the home, in which the command runs: pg_ctl hands both to a shell as they are, in double quotes.
        let mut command = self.command("pg_ctl");
        command.args(["start", "--wait", "--timeout=60", "--silent"]);
        command.args(["--pgdata=data", "--log=log/server.log"]);
        command.arg(format!("--options=-c config_file={}", shell_quoted(&conf)));
        self.run(command).map_err(|error| {
            let text = fs::read_to_string(&log_file).unwrap_or_default();
            let mut last: Vec<_> = text.lines().rev().take(10).collect();
            last.reverse();
            let last = last.join("\n  ");
            Unavailable(format!("{error}\n  {last}\n(from {}){}", log_file.display(), self.afresh()))
        })
    }

    fn stop(&self) -> Result<(), Unavailable> {
        let _turn = lock_file(&self.home.join("turn")).and_then(|file| file.lock().map(|()| file));
        let _turn = _turn.map_err(|error| Unavailable::at(&self.home, error))?;
        self.users.unlock().map_err(|error| Unavailable::at(&self.home, error))?;
        if self.users.try_lock().is_err() {
            return Ok(()); // somebody else uses it
        }
        if !self.runs()? {
            return Ok(());
        }
        let mut command = self.command("pg_ctl");
        command.args(["stop", "--mode=fast", "--wait", "--silent", "--pgdata"]).arg(self.home.join("data"));
        self.run(command)
    }

    fn afresh(&self) -> String {
        format!("\nTo start afresh, with nothing kept, delete {}", self.home.display())
    }

    fn command(&self, program: &str) -> Command {
        self.programs.command(program, &self.home, self.runner)
    }

    fn run(&self, mut command: Command) -> Result<(), Unavailable> {
        let output = output(&mut command)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Unavailable(format!("{} failed: {}", command.get_program().display(), said.trim())))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "the development database was not stopped");
        }
    }
}

/// Whether the process that the file names has ended and nobody has waited for it. Known on Linux only (proc(5)).
fn is_defunct(pid_file: &Path) -> bool {
    let state = || {
        let text = fs::read_to_string(pid_file).ok()?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", text.lines().next()?.trim())).ok()?;
        stat.rsplit(") ").next()?.chars().next()
    };
    state() == Some('Z')
}

fn output(command: &mut Command) -> Result<Output, Unavailable> {
    command.output().map_err(|error| Unavailable::at(Path::new(command.get_program()), error))
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// In `home` if the path is short enough, else in the system's temporary directory.
fn socket_directory(home: &Path) -> PathBuf {
    let directory = home.join("socket");
    let fits = directory.as_os_str().len() + "/.s.PGSQL.5432".len() <= LONGEST_SOCKET;
    let odd = directory.to_string_lossy().contains([',', '"', '\'', '\\', '\n']);
    if fits && !odd {
        return directory;
    }
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, home.as_os_str().as_encoded_bytes());
    let hash: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    PathBuf::from("/tmp").join(format!("rowkeep-{hash}"))
}

/// A directory that belongs to the user PostgreSQL runs as, and that nobody else (but root) can enter.
fn private_directory(path: &Path, runner: Option<Runner>) -> Result<PathBuf, Unavailable> {
    let make = || -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        // Somebody else's directory, or a link, put there before us: its owner does not let us do this.
        if fs::symlink_metadata(path)?.file_type().is_symlink() {
            return Err(io::Error::other("is a link"));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        match runner {
            Some(Runner { uid, gid }) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    };
    make().map_err(|error| Unavailable::at(path, error))?;
    Ok(path.to_owned())
}

/// As a value in postgresql.conf.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

/// As a word of a shell's command line, which is where `pg_ctl` puts its `--options`.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
