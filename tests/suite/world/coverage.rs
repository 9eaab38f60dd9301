//! Records which routes and which files of `sql/` the tests have used, and which fields their logs had.
//!
//! Each process of a test run writes a file of its own, because cargo-nextest starts a process for each test. All files of one
//! build of the suite are in one folder.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::log_lines;

/// The message with which the server logs a request. Its fields are `http.request.method`, `url.path` and
/// `http.response.status_code`.
const REQUEST: &str = "answered";

/// The message with which the server logs a query, and the field that names its file.
const QUERY: (&str, &str) = ("query", "rowkeep.query");

/// Records what a line of a server's log says: `GET /api/tasks/{id}`, or `tasks/read` for `sql/tasks/read.sql`.
pub fn record(line: &Value) {
    let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let entry = match line["message"].as_str() {
        // A request that was refused does not count as a use of the route.
        Some(REQUEST) if line["http.response.status_code"].as_u64().is_some_and(|status| status < 400) => {
            format!("{} {}", text("http.request.method"), template(&text("url.path")))
        }
        Some(message) if message == QUERY.0 => text(QUERY.1),
        _ => return,
    };
    write(entry);
}

/// Records the names of the fields of a line.
pub fn record_fields(names: &BTreeSet<String>) {
    for name in names {
        write(field(name));
    }
}

/// Records the fields of the lines that a program has written.
pub fn record_output(text: &str) {
    text.lines().filter_map(|line| log_lines::check_json(line).ok()).for_each(|names| record_fields(&names));
}

/// The entry of a field of the log.
pub fn field(name: &str) -> String {
    format!("field {name}")
}

fn write(entry: String) {
    static RECORDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    if RECORDED.lock().expect("no poison").insert(entry.clone()) {
        std::fs::create_dir_all(folder()).expect("a folder for the records");
        let path = folder().join(std::process::id().to_string());
        let mut file =
            std::fs::File::options().append(true).create(true).open(path).expect("a file for the records");
        file.write_all(format!("{entry}\n").as_bytes()).expect("a record");
    }
}

/// Everything that the tests of this build have recorded, in this run and in earlier ones.
pub fn recorded() -> BTreeSet<String> {
    let files = std::fs::read_dir(folder()).into_iter().flatten().flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.path()).expect("a file of records"));
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The name of the folder is the time at which this program was built: another build may have other tests.
fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this program");
    let built = program.metadata().and_then(|metadata| metadata.modified()).expect("the time of this build");
    let built = built.duration_since(UNIX_EPOCH).expect("a time after 1970");
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("coverage").join(built.as_nanos().to_string())
}

/// `/api/tasks/7` is a path of the route `/api/tasks/{id}`.
fn template(path: &str) -> String {
    let is_number = |segment: &str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    let segments = path.trim_end_matches('/').split('/');
    let template = segments
        .map(|segment| if is_number(segment) { "{id}" } else { segment })
        .collect::<Vec<_>>()
        .join("/");
    if template.is_empty() { "/".into() } else { template }
}
