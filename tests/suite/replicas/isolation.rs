//! The tests of isolation hold through replicas that always lag.

use tokio::process::Command;

use crate::world::replicas::VARIABLE;

/// The tests that run again with replicas, by the beginnings of their names.
const TESTS: [&str; 9] = [
    "http::isolation::",
    "http::list_isolation::",
    "http::lists::",
    "http::lists_while_changing::",
    "http::sorts::",
    "http::tasks::",
    "http::edits::",
    "http::partial_edits::",
    "http::user_ids::",
];

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_tests_of_isolation_hold_through_replicas() {
    let directory = tempfile();
    let run = Command::new(std::env::current_exe().expect("this program"))
        .args(TESTS)
        .args(["--test-threads", "2"])
        .env(VARIABLE, &directory)
        .output()
        .await
        .expect("the tests");

    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    let reads = std::fs::read_to_string(&directory).expect("numbers");
    let _ = std::fs::remove_file(&directory);
    let reads: usize = reads.lines().map(|line| line.parse::<usize>().expect("a number")).sum();
    let passed = text.matches(" ... ok").count();
    assert!(passed >= 40, "{passed} tests ran");
    assert!(reads >= 100, "{reads} reads on replicas: nothing was tested");
}

fn tempfile() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("rowkeep-replica-reads-{}", std::process::id()))
}
