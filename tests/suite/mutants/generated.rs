//! Mutants of whatever tables, policies, privileges and functions schema app holds.

use tokio_postgres::Client;

use super::bench::Bench;
use super::mutant::{Mutant, mutant, try_each};

pub const POLICIES: &str = include_str!("generated/policies.sql");
pub const HOLES: &str = include_str!("generated/holes.sql");
pub const TABLES: &str = include_str!("generated/tables.sql");
pub const COLUMNS: &str = include_str!("generated/columns.sql");
pub const OBJECTS: &str = include_str!("generated/objects.sql");
pub const GRANTS: &str = include_str!("generated/grants.sql");
pub const FUNCTIONS: &str = include_str!("generated/functions.sql");
pub const COMMENTS: &str = include_str!("generated/comments.sql");

/// The mutants that one of the queries above makes of the database of `client`.
pub async fn mutants(client: &Client, query: &str) -> Vec<Mutant> {
    client.batch_execute("set search_path = ''").await.expect("a setting");
    let rows = client.query(query, &[]).await.unwrap_or_else(|error| panic!("{error:?}"));
    let made = rows.iter().map(|row| {
        let notices: Vec<Option<&str>> = row.get("notices");
        let mutant = mutant(row.get::<_, &str>("harm"), &notices.into_iter().flatten().collect::<Vec<_>>());
        if row.get("by_hand") { mutant.by_hand() } else { mutant }
    });
    made.collect()
}

async fn try_made_by(query: &str) {
    let bench = Bench::shared().await;
    let copy = bench.copy("migrated").await;
    let made = mutants(&copy.admin, query).await;
    copy.discard().await;
    try_each(bench, "migrated", made).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_policy_that_is_loosened_is_named() {
    try_made_by(POLICIES).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_policy_that_is_added_is_named_and_without_the_fence_is_tried() {
    try_made_by(HOLES).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_table_that_is_unprotected_is_named() {
    try_made_by(TABLES).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_column_or_a_rule_that_is_loosened_is_named() {
    try_made_by(COLUMNS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_carries_rows_past_the_policies_is_named() {
    try_made_by(OBJECTS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_privilege_too_many_is_named() {
    try_made_by(GRANTS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_function_that_is_changed_is_named() {
    try_made_by(FUNCTIONS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_comment_that_is_changed_or_taken_away_is_named() {
    try_made_by(COMMENTS).await;
}
