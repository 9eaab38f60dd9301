//! Every query of every table is safe with only one lock: with the policy alone, and with `user_id = $1` alone. The tables
//! come from the catalogue and the queries from the folders, so new ones are tested without any change here.

use super::locks::{Locks, folder, tables, without_queries};
use crate::world::Database;

/// The parent folders of the tables' queries.
const ROOTS: [&str; 1] = ["sql"];

/// Each table, in a migrated database of its own.
async fn every_table() -> Vec<Locks> {
    let mut all = Vec::new();
    for table in tables(&Database::new().await.superuser().await).await {
        let folder = folder(&table, &ROOTS).expect("a folder of queries");
        all.push(Locks::of(Database::new().await, &table, &folder).await);
    }
    assert!(!all.is_empty());
    all
}

#[tokio::test]
async fn every_table_has_a_folder_of_queries() {
    let database = Database::new().await;

    assert_eq!(without_queries(&database.superuser().await, &ROOTS).await, [""; 0]);
}

#[tokio::test]
async fn every_query_binds_the_user_and_no_create_names_one() {
    for locks in every_table().await {
        assert_eq!(locks.without_a_filter(), [""; 0], "{}", locks.table);
    }
}

#[tokio::test]
async fn every_query_returns_rows_to_its_own_user() {
    for locks in every_table().await {
        assert_eq!(locks.silent().await, [""; 0], "{}: it proves nothing about others", locks.table);
    }
}

#[tokio::test]
async fn the_policy_alone_keeps_every_query_from_another_users_rows() {
    for locks in every_table().await {
        assert_eq!(locks.past_the_policy().await, [""; 0], "{}", locks.table);
    }
}

#[tokio::test]
async fn the_filter_alone_keeps_every_query_from_another_users_rows() {
    for locks in every_table().await {
        assert_eq!(locks.past_the_filter().await, [""; 0], "{}", locks.table);
    }
}

#[tokio::test]
async fn a_query_outside_any_transaction_reaches_the_bound_users_rows_alone() {
    for locks in every_table().await {
        assert_eq!(locks.past_the_transaction().await, [""; 0], "{}", locks.table);
    }
}

/// Outside a transaction nothing is created. In a transaction the row belongs to its user, with and without row security.
/// The policy refuses a wrong default, and no client can name a user even without row security.
#[tokio::test]
async fn a_created_row_belongs_to_the_user_of_the_transaction() {
    for locks in every_table().await {
        assert_eq!(locks.wrongly_created().await, [""; 0], "{}", locks.table);
    }
}
