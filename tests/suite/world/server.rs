//! The server under test: the program in a process of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What every server of this run was asked: `METHOD /path` as it is logged, and the name of each question.
static CALLED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How many servers run.
static RUNNING: Mutex<usize> = Mutex::new(0);

/// What has been called so far, and whether a server is still running.
pub fn called() -> (BTreeSet<String>, bool) {
    (CALLED.lock().expect("no poison").clone(), *RUNNING.lock().expect("no poison") > 0)
}

/// A running server. Dropping it kills the process.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts the program on a free port, with no variable of this process's environment.
    ///
    /// # Errors
    /// The program's output, if it ends instead of listening.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowkeep"));
        command
            .env_clear()
            .envs([
                ("PORT", "0"),
                ("ENVIRONMENT", "production"),
                ("LOG_LEVEL", "debug"),
                ("LOG_FORMAT", "json"),
            ])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program");
        *RUNNING.lock().expect("no poison") += 1;

        let log = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = oneshot::channel();
        let lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let kept = log.clone();
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                note(&event);
                if event["message"] == "listening"
                    && let Some(tell) = tell.take()
                {
                    let address = event["address"].as_str().and_then(|address| address.parse().ok());
                    let _ = tell.send(address.expect("an address"));
                }
                kept.lock().expect("no poison").push(line);
            }
        });

        match timeout(Duration::from_secs(60), told).await {
            Ok(Ok(address)) => Ok(Self { address, process, log }),
            outcome => {
                let _ = process.kill();
                let _ = process.wait();
                *RUNNING.lock().expect("no poison") -= 1;
                let text = log.lock().expect("no poison").join("\n");
                Err(if outcome.is_err() { format!("did not start in a minute:\n{text}") } else { text })
            }
        }
    }

    /// The lines that it has logged.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no poison").clone()
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
        *RUNNING.lock().expect("no poison") -= 1;
    }
}

fn note(event: &Value) {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let mut called = CALLED.lock().expect("no poison");
    match event["message"].as_str() {
        Some("answered") => called.insert(format!("{} {}", text("method"), text("path"))),
        Some("query") => called.insert(text("query")),
        _ => false,
    };
}
