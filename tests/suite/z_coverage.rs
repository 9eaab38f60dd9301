//! Whatever the server can be asked has been asked by a test. Comes last in the order of names, which is the order
//! in which tests start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::http::routes::ROUTES;
use crate::world::called;

#[tokio::test]
async fn every_route_and_every_file_of_sql_was_called() {
    if std::env::args().skip(1).any(|argument| !argument.starts_with('-')) {
        eprintln!("only some tests run: nothing to compare with");
        return;
    }

    let called = everything_that_was_called().await;

    let mut missing = Vec::new();
    for (path, methods) in ROUTES {
        missing.extend(methods.iter().map(|method| format!("{method} {path}")));
    }
    missing.extend(questions());
    missing.retain(|wanted| !called.contains(wanted));
    assert!(missing.is_empty(), "no test calls {missing:#?}");
}

/// Waits until the other tests have ended: no server runs, for a while.
async fn everything_that_was_called() -> BTreeSet<String> {
    let mut quiet = 0;
    for _ in 0..3000 {
        let (called, running) = called();
        quiet = if running { 0 } else { quiet + 1 };
        if quiet > 30 {
            return called.iter().map(|call| as_template(call)).collect();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the other tests do not end");
}

/// `GET /api/tasks/7` is a call of `GET /api/tasks/{id}`.
fn as_template(call: &str) -> String {
    let Some((method, path)) = call.split_once(' ') else { return call.to_owned() };
    let segments: Vec<_> = path
        .trim_end_matches('/')
        .split('/')
        .map(|segment| {
            let number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            if number { "{id}" } else { segment }
        })
        .collect();
    format!("{method} {}", segments.join("/"))
}

/// Every question: the files in those folders of `sql/` that have the name of a table.
fn questions() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let migrations: String = files(&root.join("migrations"))
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("text"))
        .collect();
    let mut folders = files(&root.join("sql"));
    folders.retain(|folder| migrations.contains(&format!("create table app.{} ", name(folder))));
    let of = |table: &PathBuf| {
        files(table).iter().map(|file| format!("{}/{}", name(table), name(file))).collect::<Vec<_>>()
    };
    let questions: Vec<_> = folders.iter().flat_map(of).collect();
    assert!(!questions.is_empty());
    questions
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
