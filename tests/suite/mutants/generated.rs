//! Mutants of all tables, policies, privileges and functions of schema app, made from the catalogue.

use tokio_postgres::Client;

use super::mutant::{Mutant, mutant, try_in_groups};
use super::test_cluster::TestCluster;

pub const POLICIES: &str = include_str!("generated/policies.sql");
pub const ADDED_POLICIES: &str = include_str!("generated/added_policies.sql");
pub const TABLES: &str = include_str!("generated/tables.sql");
pub const COLUMNS: &str = include_str!("generated/columns.sql");
pub const OBJECTS: &str = include_str!("generated/objects.sql");
pub const GRANTS: &str = include_str!("generated/grants.sql");
pub const FUNCTIONS: &str = include_str!("generated/functions.sql");
pub const COMMENTS: &str = include_str!("generated/comments.sql");

/// The mutants that one of these queries makes for the database of `client`.
pub async fn mutants(client: &Client, query: &str) -> Vec<Mutant> {
    client.batch_execute("set search_path = ''").await.expect("a setting");
    let rows = client.query(query, &[]).await.unwrap_or_else(|error| panic!("{error:?}"));
    let made = rows.iter().map(|row| {
        let notices: Vec<Option<&str>> = row.get("notices");
        let mutant = mutant(row.get::<_, &str>("damage"), &notices.into_iter().flatten().collect::<Vec<_>>());
        if row.get("by_hand") { mutant.by_hand() } else { mutant }
    });
    made.collect()
}

async fn try_all_of(query: &str) {
    let test_cluster = TestCluster::shared().await;
    let copy = test_cluster.copy("migrated").await;
    let made = mutants(&copy.admin, query).await;
    copy.discard().await;
    try_in_groups(test_cluster, "migrated", made).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_policy_is_reported() {
    try_all_of(POLICIES).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_added_policy_is_reported_and_without_the_fence_its_hole_is_proved() {
    try_all_of(ADDED_POLICIES).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_unprotected_table_is_reported() {
    try_all_of(TABLES).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_column_constraint_or_key_is_reported() {
    try_all_of(COLUMNS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_object_that_bypasses_the_policies_is_reported() {
    try_all_of(OBJECTS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_additional_privilege_is_reported() {
    try_all_of(GRANTS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_function_is_reported() {
    try_all_of(FUNCTIONS).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_or_removed_comment_is_reported() {
    try_all_of(COMMENTS).await;
}
