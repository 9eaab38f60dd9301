//! Runs the program with the arguments and environment that a test chooses, and collects its output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::world::coverage;

/// More time than any of this takes.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How to start the program.
#[derive(Clone)]
pub struct Program {
    pub file: PathBuf,
    pub arguments: Vec<String>,
    pub settings: BTreeMap<String, String>,
    pub directory: PathBuf,
    pub user: Option<u32>,
}

/// The exit code and output of a program that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Program {
    /// The program with an empty environment, in a directory without `.env`.
    pub fn new(arguments: &[&str]) -> Self {
        Self {
            file: env!("CARGO_BIN_EXE_rowkeep").into(),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
            settings: BTreeMap::new(),
            directory: "/".into(),
            user: None,
        }
    }

    /// The server with a setting that is wrong in any case: it names every other problem of its settings, and ends.
    pub fn checking_settings() -> Self {
        let wrong = ("SHUTDOWN_TIMEOUT", "for ever");
        Self::new(&["serve"]).with(&[("ENVIRONMENT", "production"), ("PORT", "0"), wrong])
    }

    pub fn with(mut self, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.settings.extend(settings);
        self
    }

    pub fn inside(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    /// Runs it until it ends.
    pub async fn run(self) -> Ended {
        self.start().ended().await
    }

    pub fn start(self) -> Running {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).env_clear().envs(&self.settings).current_dir(&self.directory);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.process_group(0); // as a shell does, so that tests can send a signal to the whole group
        let mut child = loop {
            match command.spawn() {
                // Another test was forking while a copy of the program was written: its child has the file open for a moment.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                spawned => break spawned.expect("the program"),
            }
        };
        let out = collect(child.stdout.take().expect("a pipe"));
        let err = collect(child.stderr.take().expect("a pipe"));
        Running { child, out, err }
    }
}

type Text = Arc<Mutex<String>>;

fn collect(from: impl AsyncRead + Unpin + Send + 'static) -> Text {
    let text = Text::default();
    let kept = text.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut kept = kept.lock().expect("no poison");
            kept.push_str(&line);
            kept.push('\n');
        }
    });
    text
}

/// A program that runs. Dropping it kills the program.
pub struct Running {
    child: Child,
    out: Text,
    err: Text,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id().expect("it has not ended")
    }

    pub fn signal(&self, name: &str) {
        let status =
            std::process::Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill").success());
    }

    pub fn out(&self) -> String {
        self.out.lock().expect("no poison").clone()
    }

    pub fn err(&self) -> String {
        self.err.lock().expect("no poison").clone()
    }

    /// Waits until it has written this, to standard output or standard error.
    pub async fn says(&mut self, wanted: &str) {
        let said = self.says_before_it_ends(wanted).await;
        assert!(said, "does not say {wanted:?}:\n{}{}", self.out(), self.err());
    }

    /// Waits until it has written this, and returns true; false if it has ended before.
    pub async fn says_before_it_ends(&mut self, wanted: &str) -> bool {
        let output = async {
            while !self.out().contains(wanted) && !self.err().contains(wanted) {
                if self.child.try_wait().expect("a child").is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // for the rest of the line
        };
        let found = timeout(TIMEOUT, output).await;
        let text = format!("{}{}", self.out(), self.err());
        found.is_ok() && text.contains(wanted)
    }

    /// Its output when it ends, or after `time` if it still runs.
    pub async fn says_within(&mut self, time: Duration) -> String {
        let _ = timeout(time, self.child.wait()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        format!("{}{}", self.out(), self.err())
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> Ended {
        self.ended_here().await
    }

    /// The same, for an owner that must not give it away.
    pub async fn ended_here(&mut self) -> Ended {
        let status = timeout(TIMEOUT, self.child.wait()).await;
        let Ok(status) = status else { panic!("does not end:\n{}{}", self.out(), self.err()) };
        // A process that it has started can hold the pipes open, so do not wait for their end: its own output has come by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        coverage::record_output(&self.err());
        Ended { code: status.expect("a status").code(), out: self.out(), err: self.err() }
    }
}

/// An empty directory of one test, which every user may enter. Dropping it deletes it.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        Self::named("directory")
    }

    pub fn named(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rowkeep-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("a file");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
