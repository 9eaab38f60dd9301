//! Runs the real program, in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{coverage, log_lines, replicas};

/// A running server. Dropping it kills the process.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// What is wrong with lines of the log.
    faults: Arc<Mutex<Vec<String>>>,
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
        let lines = whole_lines(process.stderr.take().expect("a pipe"));
        let (kept, faults) = (log.clone(), Arc::<Mutex<Vec<String>>>::default());
        let found_faults = faults.clone();
        let is_text = settings.contains(&("LOG_FORMAT", "text"));
        let mut awaited = messages.to_vec();
        let reader =
            std::thread::spawn(move || {
                let mut tell = Some(tell);
                let mut address = None;
                for line in lines {
                    let event: Value = serde_json::from_str(&line).unwrap_or_default();
                    coverage::record(&event);
                    let fault = if is_text { log_lines::check_text(&line).err() } else { check(&line).err() };
                    found_faults.lock().expect("no poison").extend(fault);
                    address = address
                        .or_else(|| if is_text { listening_in_text(&line) } else { listening(&event) });
                    awaited.retain(|message| {
                        if is_text { !line.contains(message) } else { event["message"] != *message }
                    });
                    if awaited.is_empty()
                        && let Some(tell) = tell.take()
                    {
                        let _ = tell.send(address.expect("an address"));
                    }
                    kept.lock().expect("no poison").push(line);
                }
            });

        match timeout(Duration::from_secs(60), told).await {
            Ok(Ok(address)) => Ok(Self { address, process, log, faults, reader: Some(reader) }),
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
        replicas::count_reads(&self.log());
        self.log.lock().expect("no poison").clear();
    }

    /// The books of no connection may ever be off: one user's rows could answer the request of another.
    fn check_books(&self) {
        let is_off = |line: &String| line.contains("before its last answer was read");
        assert!(std::thread::panicking() || !self.log().iter().any(is_off), "{:?}", self.log());
        let faults = self.faults.lock().expect("no poison").join("\n");
        assert!(std::thread::panicking() || faults.is_empty(), "lines of the log are wrong:\n{faults}");
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
        let found = timeout(Duration::from_secs(30), found).await;
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

/// The lines of a log. A process that is killed can leave a piece of one.
fn whole_lines(from: impl Read) -> impl Iterator<Item = String> {
    let mut reader = BufReader::new(from);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok()?;
        let line = line.strip_suffix(b"\n")?;
        // A byte that is no UTF-8 becomes a character that no value of JSON has.
        Some(std::str::from_utf8(line).map_or_else(|error| format!("{error}\0"), str::to_owned))
    })
}

/// Checks a line, and records its fields.
fn check(line: &str) -> Result<(), String> {
    coverage::record_fields(&log_lines::check_json(line)?);
    Ok(())
}

/// Where the server of this event listens, if the event says it.
pub fn listening(event: &Value) -> Option<SocketAddr> {
    let address = event["server.address"].as_str()?.parse().ok()?;
    let port = event["server.port"].as_u64()?.try_into().ok()?;
    Some(SocketAddr::new(address, port))
}

/// The same for a line of the text format.
pub fn listening_in_text(line: &str) -> Option<SocketAddr> {
    let value = |name: &str| line.split(name).nth(1)?.split_whitespace().next();
    Some(SocketAddr::new(value("server.address=")?.parse().ok()?, value("server.port=")?.parse().ok()?))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // `coverage` must have the last lines of the log before this process ends.
        let _ = self.reader.take().map(JoinHandle::join);
        replicas::count_reads(&self.log());
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
