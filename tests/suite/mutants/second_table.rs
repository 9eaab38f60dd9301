//! A further table has its mutants, and the audit notices them, without either being told of it.

use tokio::sync::OnceCell;

use super::bench::Bench;
use super::generated::{self, mutants};
use super::mutant::{Mutant, try_each};

/// A file below the root of the checkout.
fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The shared cluster with one more template: as a migration and a file of `policies/` make it.
async fn with_notes() -> &'static Bench {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let bench = Bench::shared().await;
    MADE.get_or_init(async || make_notes(bench).await).await;
    bench
}

async fn make_notes(bench: &Bench) {
    let files = [
        "policies/00_reset.sql",
        "policies/schema.sql",
        "policies/tasks.sql",
        "tests/scratch/policies/notes.sql",
    ];
    let policies: String = files.map(text).concat();
    let migration = text("tests/scratch/migrations/notes.sql");
    bench
        .template(
            "with_notes",
            &[&format!("begin; {migration}; commit"), &format!("begin; {policies}; commit")],
        )
        .await;
}

/// Those of the second table.
fn of_notes(all: Vec<Mutant>) -> Vec<Mutant> {
    all.into_iter().filter(|mutant| mutant.harm.contains("app.notes")).collect()
}

async fn try_of_notes(queries: &[&str]) {
    let bench = with_notes().await;
    let copy = bench.copy("with_notes").await;
    let mut tried = Vec::new();
    for query in queries {
        let all = mutants(&copy.admin, query).await;
        let of_tasks = all.iter().filter(|mutant| mutant.harm.contains("app.tasks")).count();
        let of_notes = of_notes(all);
        // The second has fewer columns and rules.
        assert!(2 * of_notes.len() >= of_tasks, "{} of {of_tasks}", of_notes.len());
        tried
            .extend(of_notes.into_iter().map(Mutant::undeclared).filter(|mutant| !mutant.notices.is_empty()));
    }
    copy.discard().await;
    try_each(bench, "with_notes", tried).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_further_table_whose_policies_are_loosened_is_named() {
    try_of_notes(&[generated::POLICIES, generated::HOLES]).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_further_table_that_is_unprotected_is_named() {
    try_of_notes(&[generated::TABLES, generated::COLUMNS, generated::GRANTS]).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_carries_rows_of_a_further_table_past_its_policies_is_named() {
    try_of_notes(&[generated::OBJECTS]).await;
}

/// Until it is mutated, everything about it is as it should be; only drift does not know it.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_further_table_made_like_the_first_fails_in_nothing_but_drift() {
    let bench = with_notes().await;
    let copy = bench.copy("with_notes").await;

    let audit = copy.audit().await;

    let failing: Vec<_> = audit.facts.iter().filter(|fact| fact.fails()).collect();
    assert!(failing.iter().all(|fact| fact.said.starts_with("FAIL drift ")), "{failing:?}");
    assert!(failing.len() > 10, "{failing:?}");
    let proof = "OK proof app.notes: 14 of 14 statements of A";
    assert!(audit.facts.iter().any(|fact| fact.says(proof)), "{}", audit.text);
    copy.discard().await;
}
