//! Runs the real program, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::coverage;

/// A running server. Dropping it kills the process.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the program with these settings and a free port, and without the environment of the tests. Waits until it has
    /// opened its database.
    ///
    /// # Errors
    /// The log, when the program ended instead.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_until(settings, &["listening", "checked that the policies restrict requests"]).await
    }

    /// Like [`Server::start`], without waiting for the database.
    ///
    /// # Errors
    /// The log, when the program ended instead of listening.
    pub async fn start_listening(settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_until(settings, &["listening"]).await
    }

    async fn start_until(settings: &[(&str, &str)], messages: &[&'static str]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowkeep"));
        command
            .env_clear()
            .envs([
                ("PORT", "0"),
                ("ENVIRONMENT", "production"),
                ("RATE_LIMIT", "0"), // tests send as fast as they can
                ("LOG_LEVEL", "debug"),
                ("LOG_FORMAT", "json"),
            ])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program");

        let log = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = oneshot::channel();
        let lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let kept = log.clone();
        let mut awaited = messages.to_vec();
        let reader = std::thread::spawn(move || {
            let mut tell = Some(tell);
            let mut address = None;
            for line in lines.map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                coverage::record(&event);
                if event["message"] == "listening" {
                    address = event["address"].as_str().and_then(|address| address.parse().ok());
                }
                awaited.retain(|message| event["message"] != *message);
                if awaited.is_empty()
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(address.expect("an address"));
                }
                kept.lock().expect("no poison").push(line);
            }
        });

        match timeout(Duration::from_secs(60), told).await {
            Ok(Ok(address)) => Ok(Self { address, process, log, reader: Some(reader) }),
            outcome => {
                let _ = process.kill();
                let _ = process.wait();
                let text = log.lock().expect("no poison").join("\n");
                Err(if outcome.is_err() { format!("did not start in a minute:\n{text}") } else { text })
            }
        }
    }

    /// The lines that it has logged.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no poison").clone()
    }

    /// Ends the process when that of the tests has ended, for a server that is not dropped. The shell reads a pipe that only
    /// this process holds open.
    pub fn end_with_this_process(&self) -> Watcher {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"read -r _; kill -KILL "$0""#, &self.id().to_string()]);
        Watcher(shell.stdin(Stdio::piped()).spawn().expect("a shell"))
    }

    /// Forgets the lines that it has logged.
    pub fn forget_log(&self) {
        self.check_books();
        self.log.lock().expect("no poison").clear();
    }

    /// The books of no connection may ever be off: one user's rows could answer the request of another.
    fn check_books(&self) {
        let is_off = |line: &String| line.contains("before its last answer was read");
        assert!(std::thread::panicking() || !self.log().iter().any(is_off), "{:?}", self.log());
    }

    /// Waits for a log event that satisfies `wanted`.
    pub async fn logs(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let events = self.log().into_iter().filter_map(|line| serde_json::from_str(&line).ok());
                if let Some(event) = events.into_iter().find(|event| wanted(event)) {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = timeout(Duration::from_secs(10), found).await;
        found.unwrap_or_else(|_| panic!("not logged:\n{}", self.log().join("\n")))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, by its name (`TERM`).
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill").success());
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().expect("a child") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(60), ended).await.expect("the server ends within a minute")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // `coverage` must have the last lines of the log before this process ends.
        let _ = self.reader.take().map(JoinHandle::join);
        self.check_books();
    }
}

/// Ends a server when this process has ended. Drop it before the server, whose number another process can get.
pub struct Watcher(Child);

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
