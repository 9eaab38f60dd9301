//! A checkout that one test uses, in which the program runs with nothing configured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rowkeep::development::Programs;
use tokio::time::timeout;

use super::program::{Directory, Program, Running};
use crate::world::Person;

/// A directory with `.git`, and a home directory. Dropping it stops its PostgreSQL and deletes what the program kept.
pub struct Checkout {
    pub path: PathBuf,
    name: String,
    /// The directory in which the program keeps databases and secrets of all checkouts.
    data: PathBuf,
    directory: Directory,
    user: Option<u32>,
}

/// A development server that has printed how to try it.
pub struct Ready {
    pub running: Running,
    pub out: String,
}

pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

impl Checkout {
    /// A checkout whose name begins with `prefix`.
    pub fn new(prefix: &str) -> Self {
        let directory = Directory::named("checkouts");
        let data =
            if is_root() { "/var/lib/rowkeep".into() } else { directory.0.join("home/.local/share/rowkeep") };
        Self::at(directory, prefix, "home", data, None)
    }

    /// The same for a user who is not root, with `home` as the name of their home directory.
    pub fn of_an_ordinary_user(prefix: &str, home: &str) -> Self {
        let directory = Directory::named("checkouts");
        let data = directory.0.join(home).join(".local/share/rowkeep");
        let checkout = Self::at(directory, prefix, home, data, is_root().then_some(65_534));
        if let Some(user) = checkout.user {
            // That user may not be able to enter the directory of the built program.
            std::fs::copy(env!("CARGO_BIN_EXE_rowkeep"), checkout.directory.0.join("rowkeep"))
                .expect("a copy");
            std::os::unix::fs::chown(checkout.directory.0.join(home), Some(user), Some(user))
                .expect("a home");
        }
        checkout
    }

    fn at(directory: Directory, prefix: &str, home: &str, data: PathBuf, user: Option<u32>) -> Self {
        let number =
            directory.0.display().to_string().chars().filter(char::is_ascii_digit).collect::<String>();
        let path = directory.0.join(format!("{prefix}{number}"));
        std::fs::create_dir_all(path.join(".git")).expect("a checkout");
        std::fs::create_dir(directory.0.join(home)).expect("a home");
        let name = format!("{prefix}{number}").chars().filter(char::is_ascii_alphanumeric).collect();
        Self { path, name, data, directory, user }
    }

    /// The program in this checkout, with no setting but a free port.
    pub fn program(&self, arguments: &[&str]) -> Program {
        let home = self.data.ancestors().nth(3).filter(|_| !self.data.starts_with("/var"));
        let home = home.map_or_else(|| self.directory.0.join("home"), Path::to_owned);
        let path = std::env::var("PATH").unwrap_or_default();
        let settings = [("PATH", path.as_str()), ("HOME", &home.display().to_string()), ("PORT", "0")];
        let mut program = Program::new(arguments).with(&settings).inside(&self.path);
        if self.user.is_some() {
            program.user = self.user;
            program.file = self.directory.0.join("rowkeep");
        }
        program
    }

    /// Starts the program, and waits until it has printed how to try it.
    pub async fn start(&self) -> Ready {
        let mut running = self.program(&[]).start();
        running.says("-c rollback").await;
        let out = running.out();
        Ready { running, out }
    }

    /// Starts the program with these settings, which name a database.
    pub async fn start_with(&self, settings: &[(&str, &str)]) -> Ready {
        let mut running = self.program(&[]).with(settings).start();
        running.says("/api/tasks").await;
        let out = running.out();
        Ready { running, out }
    }

    /// The directory in which the program keeps this checkout's database and secret.
    pub fn home(&self) -> Option<PathBuf> {
        let prefix = format!("{}-", self.name.chars().take(20).collect::<String>());
        let entries = std::fs::read_dir(&self.data).ok()?.flatten();
        entries
            .map(|entry| entry.path())
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
    }

    /// The process id of its PostgreSQL, if that runs.
    pub fn postmaster(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.home()?.join("data/postmaster.pid")).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        // Another process can have got the id of a server that has ended.
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        name.starts_with("postgres").then_some(pid)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // The directory of the socket is elsewhere if the path is too long for a socket or has special characters.
        let socket = self.home().and_then(|home| std::fs::read_to_string(home.join("rowkeep.conf")).ok());
        let socket = socket.as_deref().and_then(|text| text.split("unix_socket_directories = '").nth(1));
        let socket = socket.and_then(|rest| rest.split('\'').next().map(PathBuf::from));
        if let Some(pid) = self.postmaster() {
            let _ = Command::new("kill").args(["-QUIT", &pid.to_string()]).status();
            for _ in 0..100 {
                if self.postmaster().is_none() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        for directory in self.home().into_iter().chain(socket) {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

impl Ready {
    /// The printed line that begins with `program`.
    pub fn line(&self, program: &str) -> String {
        let mut lines = self.out.lines().map(str::trim);
        lines
            .find(|line| line.starts_with(program))
            .unwrap_or_else(|| panic!("no {program} in\n{}", self.out))
            .into()
    }

    /// The address that it prints.
    pub fn address(&self) -> SocketAddr {
        let address = self.out.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        address.and_then(|address| address.parse().ok()).expect("an address")
    }

    /// Alice, with the token that was printed.
    pub fn alice(&self) -> Person {
        Person::with_token(self.address(), Some(&self.line("eyJ")))
    }

    /// The printed line that runs psql.
    pub fn psql(&self) -> String {
        let programs = Programs::find(None).expect("programs");
        let quoted = format!("'{}'", programs.path("psql").display());
        let found = self
            .out
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("psql ") || line.starts_with(&quoted));
        found.unwrap_or_else(|| panic!("no psql in\n{}", self.out)).into()
    }

    pub async fn stop(self) {
        self.running.signal("TERM");
        let ended = self.running.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

/// Runs a line in a shell, as if it was copied into a terminal.
pub async fn shell(line: &str) -> std::process::Output {
    let output = tokio::process::Command::new("sh").args(["-c", line]).output();
    timeout(Duration::from_secs(60), output).await.expect("it ends").expect("a shell")
}
