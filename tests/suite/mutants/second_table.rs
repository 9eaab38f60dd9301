//! A second table has its own mutants, and the audit reports them, without any change in the tests or the audit.

use tokio::sync::OnceCell;

use super::generated::{self, mutants};
use super::mutant::{Mutant, try_in_groups};
use super::test_cluster::TestCluster;

/// A file below the root of the checkout.
fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The shared cluster with one more template that has a second table.
async fn with_notes() -> &'static TestCluster {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let test_cluster = TestCluster::shared().await;
    MADE.get_or_init(async || make_notes(test_cluster).await).await;
    test_cluster
}

async fn make_notes(test_cluster: &TestCluster) {
    let files = [
        "policies/00_reset.sql",
        "policies/schema.sql",
        "policies/tasks.sql",
        "tests/scratch/policies/notes.sql",
    ];
    let policies: String = files.map(text).concat();
    let migration = text("tests/scratch/migrations/notes.sql");
    test_cluster
        .template(
            "with_notes",
            &[&format!("begin; {migration}; commit"), &format!("begin; {policies}; commit")],
        )
        .await;
}

/// The mutants of the second table.
fn of_notes(all: Vec<Mutant>) -> Vec<Mutant> {
    all.into_iter().filter(|mutant| mutant.damage.contains("app.notes")).collect()
}

async fn try_of_notes(queries: &[&str]) {
    let test_cluster = with_notes().await;
    let copy = test_cluster.copy("with_notes").await;
    let mut tried = Vec::new();
    for query in queries {
        let all = mutants(&copy.admin, query).await;
        let of_tasks = all.iter().filter(|mutant| mutant.damage.contains("app.tasks")).count();
        let of_notes = of_notes(all);
        // The second table has fewer columns and constraints.
        assert!(2 * of_notes.len() >= of_tasks, "{} of {of_tasks}", of_notes.len());
        tried
            .extend(of_notes.into_iter().map(Mutant::undeclared).filter(|mutant| !mutant.notices.is_empty()));
    }
    copy.discard().await;
    try_in_groups(test_cluster, "with_notes", tried).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_second_table_with_changed_policies_is_reported() {
    try_of_notes(&[generated::POLICIES, generated::ADDED_POLICIES]).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_unprotected_second_table_is_reported() {
    try_of_notes(&[generated::TABLES, generated::COLUMNS, generated::GRANTS]).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_object_that_bypasses_the_policies_of_a_second_table_is_reported() {
    try_of_notes(&[generated::OBJECTS]).await;
}

/// Only drift fails, because no release declares the table.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_second_table_made_like_the_first_fails_only_in_drift() {
    let test_cluster = with_notes().await;
    let copy = test_cluster.copy("with_notes").await;

    let audit = copy.audit().await;

    let failing: Vec<_> = audit.facts.iter().filter(|fact| fact.fails()).collect();
    assert!(failing.iter().all(|fact| fact.text.starts_with("FAIL drift ")), "{failing:?}");
    // Its table, sequence, function, trigger, two policies and three constraints.
    assert_eq!(failing.len(), 9, "{failing:?}");
    let proof = "OK proof app.notes: 14 of 14 statements of A";
    assert!(audit.facts.iter().any(|fact| fact.contains(proof)), "{}", audit.text);
    copy.discard().await;
}
