//! Whatever the server can be asked has been asked by a test. Comes last in the order of names, which is the order
//! in which tests start.

use std::collections::BTreeSet;
use std::path::Path;
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

/// Every question about a table: the folders of `sql/` but those that belong to no table.
fn questions() -> Vec<String> {
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let folders = names(&sql).into_iter();
    let tables =
        folders.filter(|name| !["development", "schema", "session", "setup"].contains(&name.as_str()));
    tables
        .flat_map(|table| names(&sql.join(&table)).into_iter().map(move |file| format!("{table}/{file}")))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.path().file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}
