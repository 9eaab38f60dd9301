//! A private PostgreSQL: no TCP, and a socket in a directory that only its user and root can enter.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::programs::{Programs, SystemUser};
use super::{DevelopmentError, checkout_home, path_hash};
use crate::database::{Address, describe};
use crate::schema;

const DATABASE_EXISTS: &str = include_str!("../../sql/development/database_exists.sql");
const CREATE_DATABASE: &str = include_str!("../../sql/development/database.sql");

/// Upper bound of the length of a Unix socket's path, in bytes: Linux allows 107, macOS 103.
const MAX_SOCKET_PATH: usize = 100;

/// How long the server may take to start. A program that is stopped meanwhile waits for it, and then stops it.
pub const CLUSTER_START_TIMEOUT: Duration = Duration::from_secs(60);

// The names of both lock files must not change: processes of two releases can share a cluster.

/// The beginning of the name of a directory in which `initdb` makes the data directory.
const TEMPORARY_DATA: &str = "data.new";

/// Held while a process starts or stops the server.
const START_LOCK: &str = "turn";

/// Shared by the processes that use the server. If a process gets it exclusively, no other process uses the server.
const USAGE_LOCK: &str = "users";

/// A running PostgreSQL whose files are in one directory. The last process that drops it stops it, which blocks.
#[derive(Debug)]
pub struct Cluster {
    home: PathBuf,
    programs: Programs,
    system_user: Option<SystemUser>,
    socket_directory: PathBuf,
    /// Holds [`USAGE_LOCK`].
    usage_lock: File,
}

impl Cluster {
    /// The cluster of this checkout. Makes it if there is none, and starts it if it does not run. Blocks meanwhile.
    ///
    /// # Errors
    /// Why it does not start, with the last lines of the server's log.
    pub fn for_checkout() -> Result<Self, DevelopmentError> {
        Self::start(&checkout_home()?, "")
    }

    /// The cluster in `home`, with `settings` (lines of postgresql.conf) beside its own. Blocks while it starts.
    ///
    /// # Errors
    /// As [`Cluster::for_checkout`].
    pub fn start(home: &Path, settings: &str) -> Result<Self, DevelopmentError> {
        let made_with = fs::read_to_string(home.join("data/PG_VERSION")).ok();
        let programs = Programs::find(made_with.and_then(|major| major.trim().parse().ok()))?;
        Self::start_with(programs, home, settings)
    }

    /// Like [`Cluster::start`] with these programs, which must be of the release that the cluster was made with.
    ///
    /// # Errors
    /// As [`Cluster::for_checkout`].
    pub fn start_with(programs: Programs, home: &Path, settings: &str) -> Result<Self, DevelopmentError> {
        let system_user = SystemUser::for_postgresql()?;
        let data = home.join("data");
        let socket_directory = private_directory(&socket_directory(home), system_user)?;

        let start_lock = start_lock(home)?;
        let usage_lock =
            lock_file(&home.join(USAGE_LOCK)).map_err(|error| DevelopmentError::at(home, error))?;

        let cluster = Self { home: home.to_owned(), programs, system_user, socket_directory, usage_lock };
        let ready = cluster.make_ready(&data, settings);
        // A cluster that is not ready is dropped below, which takes this lock.
        drop(start_lock);
        ready.map(|()| cluster)
    }

    fn make_ready(&self, data: &Path, settings: &str) -> Result<(), DevelopmentError> {
        if !data.join("PG_VERSION").exists() {
            self.make_data(data)?;
        }
        if !self.is_running()? {
            self.start_server(settings)?;
        }
        self.usage_lock.lock_shared().map_err(|error| DevelopmentError::at(&self.home, error))
    }

    /// The directory of the server's socket, for `psql -h`.
    pub fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }

    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The address of a database of this cluster, with its superuser as login.
    ///
    /// # Errors
    /// The path of the socket's directory cannot be written in an address.
    pub fn address(&self, database: &str) -> Result<Address, DevelopmentError> {
        let host = self.socket_directory.to_string_lossy().replace('\\', "\\\\").replace('\'', "\\'");
        Address::parse(&format!("host='{host}' port=5432 user=postgres dbname={database}"))
            .map_err(DevelopmentError)
    }

    /// The address of the database `rowkeep`, which is made if it is missing.
    ///
    /// # Errors
    /// The server does not answer, or cannot make the database.
    pub async fn database(&self) -> Result<Address, DevelopmentError> {
        let problem = |error: tokio_postgres::Error| {
            DevelopmentError(format!("the development database reports an error: {}", describe(&error)))
        };
        let client = schema::connect(&self.address("postgres")?).await;
        let client = client.map_err(|error| {
            DevelopmentError(format!(
                "{error}\nTry again after you have ended that server: kill $(head -n 1 {}). If that does not help: {}",
                shell_quoted(self.home.join("data/postmaster.pid").display()),
                self.how_to_reset()
            ))
        })?;
        let exists: bool =
            client.query_one(DATABASE_EXISTS, &[]).await.and_then(|row| row.try_get(0)).map_err(problem)?;
        if !exists {
            match client.batch_execute(CREATE_DATABASE).await {
                // duplicate_database, unique_violation: another process has just made it.
                Err(error) if matches!(error.code().map(|c| c.code()), Some("42P04" | "23505")) => {}
                other => other.map_err(problem)?,
            }
        }
        self.address("rowkeep")
    }

    /// Runs `initdb` in a new directory, which gets its final name at the end. So the remains of an `initdb` that was killed
    /// are never used as a database, and one that outlived its program cannot write into this one.
    fn make_data(&self, data: &Path) -> Result<(), DevelopmentError> {
        tracing::info!("making the development database; this takes a few seconds, once");
        self.remove_remains();
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let temporary = self.home.join(format!("{TEMPORARY_DATA}{}", since_epoch.as_nanos()));

        // Some systems have no C.UTF-8. The locale C knows upper and lower case of ASCII letters only.
        let made = self.initdb(&temporary, "C.UTF-8").or_else(|error| {
            if error.0.contains("invalid locale name") { self.initdb(&temporary, "C") } else { Err(error) }
        });
        made?;
        fs::rename(&temporary, data).map_err(|error| DevelopmentError::at(data, error))
    }

    /// Removes what earlier runs of `initdb` left behind. An `initdb` that still runs can be in the way: then a later start
    /// removes the rest.
    fn remove_remains(&self) {
        for entry in fs::read_dir(&self.home).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_DATA.as_bytes())
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::debug!(
                    file.path = %entry.path().display(),
                    error.message = %error,
                    "cannot remove the remains of initdb"
                );
            }
        }
    }

    fn initdb(&self, directory: &Path, locale: &str) -> Result<(), DevelopmentError> {
        private_directory(directory, self.system_user)?;
        let mut command = self.command("initdb");
        command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}")).arg("--pgdata").arg(directory);
        self.run(command)
    }

    /// Whether the server runs and accepts connections.
    ///
    /// `pg_ctl status` also counts a killed server that has not ended yet, or whose parent has not collected it (a zombie).
    /// So this waits until the server has gone, or answers. Nobody else starts or stops it meanwhile.
    fn is_running(&self) -> Result<bool, DevelopmentError> {
        let socket = self.socket_directory.join(".s.PGSQL.5432");
        for _ in 0..50 {
            let mut command = self.command("pg_ctl");
            command.arg("status").arg("--pgdata").arg(self.home.join("data"));
            if !output(&mut command)?.status.success() {
                return Ok(false);
            }
            if UnixStream::connect(&socket).is_ok() {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(DevelopmentError(format!(
            "the development database has a process that does not answer at {}. If it was killed and stays defunct (a \
             zombie), start the container with an init process (docker run --init), or delete {}{}",
            socket.display(),
            self.home.join("data/postmaster.pid").display(),
            self.how_to_reset()
        )))
    }

    fn start_server(&self, settings: &str) -> Result<(), DevelopmentError> {
        let text = format!(
            "# Written at each start, outside the data directory, which belongs to the user that PostgreSQL runs as.\n\
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
        write_readable(&conf, &text).map_err(|error| DevelopmentError::at(&conf, error))?;

        let log = self.home.join("log");
        let log_file = private_directory(&log, self.system_user)?.join("server.log");
        // Paths relative to the home, where the command runs: pg_ctl passes them to a shell in double quotes, unescaped.
        let mut command = self.command("pg_ctl");
        command.args(["start", "--wait", "--silent"]);
        command.arg(format!("--timeout={}", CLUSTER_START_TIMEOUT.as_secs()));
        command.args(["--pgdata=data", "--log=log/server.log"]);
        command.arg(format!("--options=-c config_file={}", shell_quoted(conf.display())));
        self.run(command).map_err(|error| {
            let text = fs::read_to_string(&log_file).unwrap_or_default();
            let mut last: Vec<_> = text.lines().rev().take(10).collect();
            last.reverse();
            let last = last.join("\n  ");
            DevelopmentError(format!(
                "{error}\n  {last}\n(from {}){}",
                log_file.display(),
                self.how_to_reset()
            ))
        })
    }

    fn stop(&self) -> Result<(), DevelopmentError> {
        let _start_lock = start_lock(&self.home)?;
        self.usage_lock.unlock().map_err(|error| DevelopmentError::at(&self.home, error))?;
        if self.usage_lock.try_lock().is_err() {
            return Ok(()); // another process uses the server
        }
        if !self.is_running()? {
            return Ok(());
        }
        let mut command = self.command("pg_ctl");
        command.args(["stop", "--mode=fast", "--wait", "--silent", "--pgdata"]).arg(self.home.join("data"));
        self.run(command)
    }

    fn how_to_reset(&self) -> String {
        format!("\nTo begin with an empty database, delete {}; its tasks are lost", self.home.display())
    }

    fn command(&self, program: &str) -> Command {
        self.programs.command(program, &self.home, self.system_user)
    }

    fn run(&self, mut command: Command) -> Result<(), DevelopmentError> {
        let output = output(&mut command)?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        Err(DevelopmentError(format!("{} failed: {}", command.get_program().display(), text.trim())))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(error.message = %error, "cannot stop the development database");
        }
    }
}

fn output(command: &mut Command) -> Result<Output, DevelopmentError> {
    command.output().map_err(|error| DevelopmentError::at(Path::new(command.get_program()), error))
}

/// Waits until no other process starts or stops the server in `home`. The lock ends with the file.
fn start_lock(home: &Path) -> Result<File, DevelopmentError> {
    let locked = lock_file(&home.join(START_LOCK)).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| DevelopmentError::at(home, error))
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// A directory in `home`, or in `/tmp` if that path is too long for a socket or has characters with a meaning in
/// postgresql.conf.
fn socket_directory(home: &Path) -> PathBuf {
    let directory = home.join("socket");
    let fits = directory.as_os_str().len() + "/.s.PGSQL.5432".len() <= MAX_SOCKET_PATH;
    let has_special_characters = directory.to_string_lossy().contains([',', '"', '\'', '\\', '\n']);
    if fits && !has_special_characters {
        return directory;
    }
    PathBuf::from("/tmp").join(format!("rowkeep-{}", path_hash(home, 8)))
}

/// Makes a directory that only the user PostgreSQL runs as, and root, can enter.
fn private_directory(path: &Path, system_user: Option<SystemUser>) -> Result<PathBuf, DevelopmentError> {
    let make = || -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        // Another user can have made a link or a directory there first. Root could change the mode of either.
        let found = fs::symlink_metadata(path)?;
        let is_own = found.uid() == rustix::process::geteuid().as_raw()
            || system_user.is_some_and(|user| user.uid == found.uid());
        if !found.is_dir() || !is_own {
            return Err(io::Error::other(
                "must be a directory of the user that PostgreSQL runs as; remove it",
            ));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        match system_user {
            Some(SystemUser { uid, gid }) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    };
    make().map_err(|error| DevelopmentError::at(path, error))?;
    Ok(path.to_owned())
}

/// Writes a file that every user can read and only this one can change, whatever the umask of this process is: PostgreSQL
/// would run what others write into it.
fn write_readable(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())
}

/// The path as a value in postgresql.conf.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

/// The text as one word of a shell's command line. (`pg_ctl` passes its `--options` to a shell.)
pub(crate) fn shell_quoted(text: impl std::fmt::Display) -> String {
    format!("'{}'", text.to_string().replace('\'', "'\\''"))
}
