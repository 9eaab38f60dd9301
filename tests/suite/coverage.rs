//! Checks that the tests use every route and every file of `sql/` that holds a query, and see every field of the log.

use std::path::{Path, PathBuf};

use crate::http::routes::ROUTES;
use crate::world::coverage::{field, recorded};
use crate::world::log_lines::FIELDS;

#[test]
#[ignore = "needs a run of the other tests before it, as `make test-all` does"]
fn every_route_and_every_query_is_used_by_a_test() {
    let recorded = recorded();
    assert!(!recorded.is_empty(), "this build of the tests has not run yet: run `make test-all`");

    let mut missing: Vec<_> = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(move |method| format!("{method} {path}")))
        .collect();
    missing.extend(queries());
    missing.retain(|name| !recorded.contains(name));

    assert!(missing.is_empty(), "no test uses {missing:#?}");
}

/// Fields that only some machines can show.
const RARE: [&str; 4] = [
    "rowkeep.postgres", // of a PostgreSQL with a known hole
    "rowkeep.postgres_fixed",
    "file.path",           // of a file that its owner cannot remove
    "rowkeep.copied_rows", // of an adoption that takes long
];

#[test]
#[ignore = "needs a run of the other tests before it, as `make test-all` does"]
fn every_field_of_the_log_is_in_a_line_of_some_test() {
    let recorded = recorded();
    assert!(!recorded.is_empty(), "this build of the tests has not run yet: run `make test-all`");

    let mut missing: Vec<_> = FIELDS.keys().filter(|name| !RARE.contains(&name.as_str())).collect();
    missing.retain(|name| !recorded.contains(&field(name)));

    assert!(missing.is_empty(), "no line of any test has {missing:#?}");
}

/// The files in the folders of `sql/` that have the name of a table: `tasks/read` for `sql/tasks/read.sql`.
fn queries() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let migrations: String = files(&root.join("migrations"))
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a migration"))
        .collect();
    let mut folders = files(&root.join("sql"));
    folders.retain(|folder| migrations.contains(&format!("create table app.{} ", name(folder))));

    let mut queries = Vec::new();
    for folder in &folders {
        queries.extend(files(folder).iter().map(|file| format!("{}/{}", name(folder), name(file))));
    }
    assert!(!queries.is_empty());
    queries
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
