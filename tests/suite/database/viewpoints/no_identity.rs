//! A transaction without an identity sees, changes and creates nothing.

use super::changing::*;
use super::reading::*;
use super::{NONE, TestDatabase, assert_all_expected, changes, refused, sees};

/// Values that remain after an identity, and values that no identity can have.
const INVALID_IDENTITIES: [&str; 6] = [
    "begin",
    "begin; set local role rowkeep_api",
    "begin; set local role none",
    "begin; set local app.user_id = ''",
    "begin; select app.identify('alice'); commit; begin",
    "begin; savepoint s; select app.identify('alice'); rollback to s",
];

#[tokio::test]
async fn without_an_identity_no_statement_reads_a_task() {
    let database = TestDatabase::new().await;

    for opening in INVALID_IDENTITIES {
        let nobody = database.session("rowkeep_login", opening).await;
        assert_all_expected(vec![
            nobody.unexpected(READS, &sees(NONE)).await,
            nobody.unexpected(database.xml_reads().await, &sees(NONE)).await,
            nobody.unexpected(LOCKING_READS, &sees(NONE)).await,
            nobody.unexpected(READS_OF_ALICES, &sees(NONE)).await,
            nobody.unexpected(READS_THAT_FAIL_ON_ALICES, &sees(NONE)).await,
        ]);
    }
}

#[tokio::test]
async fn without_an_identity_no_statement_changes_a_task() {
    let database = TestDatabase::new().await;

    for opening in INVALID_IDENTITIES {
        let nobody = database.session("rowkeep_login", opening).await;
        assert_all_expected(vec![
            nobody.unexpected(CHANGES, &changes(NONE)).await,
            nobody.unexpected(CHANGES_THAT_READ, &changes(NONE)).await,
            nobody.unexpected(CHANGES_WITH_RETURNING, &changes(NONE)).await,
            nobody.unexpected(&database.newer_changes_with_returning().await, &changes(NONE)).await,
            nobody.unexpected(CHANGES_OF_ALICES, &changes(NONE)).await,
            nobody.unexpected(BLIND_MERGES, &refused("42501")).await,
        ]);
    }
}

#[tokio::test]
async fn without_an_identity_no_statement_creates_a_task() {
    let database = TestDatabase::new().await;

    for opening in INVALID_IDENTITIES {
        let nobody = database.session("rowkeep_login", opening).await;
        assert_all_expected(vec![
            nobody.unexpected(CREATIONS, &refused("42501")).await,
            nobody.unexpected(FORGERIES, &refused("42501")).await,
        ]);
    }
}
