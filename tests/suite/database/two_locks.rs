//! Every question about every table is safe with either lock taken away: the policy alone holds, and `user_id = $1`
//! alone holds. Tables come from the catalogue and questions from the folders: a new one is here without being named.

use super::locks::{Locks, folder, tables, unasked};
use crate::world::Database;

/// Where the folders of the tables' questions are.
const ROOTS: [&str; 1] = ["sql"];

/// Each table of a migrated database, in a database of its own.
async fn every_table() -> Vec<Locks> {
    let mut all = Vec::new();
    for table in tables(&Database::new().await.superuser().await).await {
        let folder = folder(&table, &ROOTS).expect("a folder of questions");
        all.push(Locks::of(Database::new().await, &table, &folder).await);
    }
    assert!(!all.is_empty());
    all
}

#[tokio::test]
async fn every_table_has_a_folder_of_questions() {
    let database = Database::new().await;

    assert_eq!(unasked(&database.superuser().await, &ROOTS).await, [""; 0]);
}

#[tokio::test]
async fn every_question_says_whose_rows_it_wants_and_a_create_names_nobody() {
    for locks in every_table().await {
        assert_eq!(locks.without_a_filter(), [""; 0], "{}", locks.table);
    }
}

#[tokio::test]
async fn every_question_answers_the_user_it_is_asked_for() {
    for locks in every_table().await {
        assert_eq!(locks.silent().await, [""; 0], "{}: it proves nothing about others", locks.table);
    }
}

#[tokio::test]
async fn the_policy_alone_keeps_every_question_from_another_users_rows() {
    for locks in every_table().await {
        assert_eq!(locks.past_the_policy().await, [""; 0], "{}", locks.table);
    }
}

#[tokio::test]
async fn the_filter_alone_keeps_every_question_from_another_users_rows() {
    for locks in every_table().await {
        assert_eq!(locks.past_the_filter().await, [""; 0], "{}", locks.table);
    }
}

#[tokio::test]
async fn a_question_outside_any_transaction_reaches_the_bound_users_rows_alone() {
    for locks in every_table().await {
        assert_eq!(locks.past_the_transaction().await, [""; 0], "{}", locks.table);
    }
}

/// Outside any transaction nothing is created; within one, with and without row security, what is created is its
/// user's; a wrong default is caught by the policy, and no user can be named even without row security.
#[tokio::test]
async fn what_is_created_belongs_to_the_user_of_the_transaction_or_is_not_created() {
    for locks in every_table().await {
        assert_eq!(locks.wrongly_created().await, [""; 0], "{}", locks.table);
    }
}
