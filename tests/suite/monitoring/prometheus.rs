//! A Prometheus with the configuration of `deploy/prometheus`, and its tool.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use url::form_urlencoded::Serializer;

use crate::documents::markdown::root;
use crate::operation::program::Directory;
use crate::world::Person;

/// A running Prometheus. Dropping it ends it.
pub struct Prometheus {
    pub address: SocketAddr,
    process: Child,
    _files: Directory,
}

/// One series of an answer: its labels and its value, the last one of a range.
#[derive(Debug)]
pub struct Sample {
    pub labels: Value,
    pub value: f64,
}

impl Sample {
    /// A label; empty if the series does not have it, as for Prometheus.
    pub fn label(&self, name: &str) -> &str {
        self.labels[name].as_str().unwrap_or_default()
    }
}

impl Prometheus {
    /// Scrapes these servers every two seconds, and evaluates the rules as often. An alert fires two seconds after its condition is
    /// met, whatever the file says.
    pub async fn scraping(targets: &[SocketAddr]) -> Self {
        let files = Directory::named("prometheus");
        let targets = targets.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
        let mut configuration = read("deploy/prometheus/prometheus.yml");
        for (of_example, of_test) in [("127.0.0.1:9000", targets.as_str()), ("15s", "2s")] {
            assert!(configuration.contains(of_example), "{configuration}");
            configuration = configuration.replace(of_example, of_test);
        }
        files.write("prometheus.yml", &configuration);
        files.write("alerts.yml", &with_short_waits(&read("deploy/prometheus/alerts.yml")));
        let address = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            listener.local_addr().expect("an address")
        };

        let process = program("prometheus")
            .arg(format!("--config.file={}", files.0.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", files.0.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("Prometheus is installed by `make prometheus`");
        let prometheus = Self { address, process, _files: files };
        // Nothing listens at first, and a `Person` panics where nothing listens.
        eventually("Prometheus listens", async || tokio::net::TcpStream::connect(address).await.is_ok())
            .await;
        let ready = async || prometheus.client().get("/-/ready").await.status() == 200;
        eventually("Prometheus is ready", ready).await;
        prometheus
    }

    fn client(&self) -> Person {
        Person::with_token(self.address, None)
    }

    /// The `data` of an answer of its API.
    pub async fn data(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let answer = self.client().get(&format!("{path}?{query}")).await.json();
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }

    /// The series that an expression has now.
    pub async fn query(&self, expression: &str) -> Vec<Sample> {
        let data = self.data("/api/v1/query", &[("query", expression)]).await;
        samples(&data, |series| series["value"][1].clone())
    }

    /// The only value of an expression. None if it has no series.
    pub async fn value(&self, expression: &str) -> Option<f64> {
        let samples = self.query(expression).await;
        assert!(samples.len() < 2, "{expression}: {samples:?}");
        samples.first().map(|sample| sample.value)
    }

    /// The names of the alerts that wait or fire (`pending`, `firing`).
    pub async fn alerts(&self, state: &str) -> Vec<String> {
        let data = self.data("/api/v1/alerts", &[]).await;
        let alerts = data["alerts"].as_array().expect("alerts").iter();
        let mut names: Vec<_> = alerts
            .filter(|alert| alert["state"] == state)
            .map(|alert| alert["labels"]["alertname"].as_str().expect("a name").to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until `holds` is true, for three minutes at most: servers, clients and Prometheus share the machine with other tests.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(Duration::from_secs(180), wait).await.unwrap_or_else(|_| panic!("not in three minutes: {what}"));
}

/// The series of a result, each with the value that `value` finds in it.
fn samples(data: &Value, value: impl Fn(&Value) -> Value) -> Vec<Sample> {
    let result = data["result"].as_array().unwrap_or_else(|| panic!("no series: {data}")).iter();
    let number = |series: &Value| value(series).as_str().expect("a text").parse().expect("a number");
    result.map(|series| Sample { labels: series["metric"].clone(), value: number(series) }).collect()
}

/// A program of Prometheus, in PATH or where `.ci/prometheus` unpacks it.
fn program(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let unpacked = root().join("target/prometheus/usr/bin");
    let mut command = Command::new("sh");
    command.args(["-c", "name=$1; shift; exec \"$name\" \"$@\"", "sh", name]);
    command.env("PATH", format!("{path}:{}", unpacked.display())).current_dir(root());
    command
}

/// Runs promtool at the root of the checkout with this standard input.
///
/// # Panics
/// If it does not end with success, with all that it printed.
pub async fn promtool(arguments: &[&str], input: &[u8]) -> String {
    let (succeeds, printed) = try_promtool(arguments, input).await;
    assert!(succeeds, "promtool {arguments:?}:\n{printed}");
    printed
}

/// The same. Returns whether it ended with success as well.
pub async fn try_promtool(arguments: &[&str], input: &[u8]) -> (bool, String) {
    let files = Directory::named("promtool");
    std::fs::write(files.0.join("input"), input).expect("a file");
    let input = std::fs::File::open(files.0.join("input")).expect("a file");
    let mut command = program("promtool");
    command.args(arguments).stdin(input);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = output.expect("promtool is installed by `make prometheus`");
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), printed)
}

/// A file of the checkout.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(root()).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rules with other waiting times of alerts.
fn with_short_waits(rules: &str) -> String {
    let short =
        |line: &str| if line.trim_start().starts_with("for: ") { "        for: 2s" } else { line }.to_owned();
    rules.lines().map(|line| short(line) + "\n").collect()
}
