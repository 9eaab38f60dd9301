//! A transaction that is nobody's: no rows, and nothing to change or create.

use super::changing::*;
use super::ways::*;
use super::{NONE, Stage, as_expected, changes, refused, sees};

/// All that can be left of an identity, or has never been one.
const NOBODIES: [&str; 6] = [
    "begin",
    "begin; set local role rowkeep_api",
    "begin; set local role none",
    "begin; set local app.user_id = ''",
    "begin; select app.identify('alice'); commit; begin",
    "begin; savepoint s; select app.identify('alice'); rollback to s",
];

#[tokio::test]
async fn nobody_sees_anything_by_any_way_of_reading() {
    let stage = Stage::new().await;

    for opening in NOBODIES {
        let nobody = stage.seat("rowkeep_login", opening).await;
        as_expected(vec![
            nobody.surprises(READS, &sees(NONE)).await,
            nobody.surprises(stage.xml_reads().await, &sees(NONE)).await,
            nobody.surprises(LOCKING_READS, &sees(NONE)).await,
            nobody.surprises(READS_OF_ALICES, &sees(NONE)).await,
            nobody.surprises(READS_THAT_ALICES_FAIL, &sees(NONE)).await,
        ]);
    }
}

#[tokio::test]
async fn nobody_changes_anything_by_any_way_of_changing() {
    let stage = Stage::new().await;

    for opening in NOBODIES {
        let nobody = stage.seat("rowkeep_login", opening).await;
        as_expected(vec![
            nobody.surprises(CHANGES, &changes(NONE)).await,
            nobody.surprises(CHANGES_AFTER_A_LOOK, &changes(NONE)).await,
            nobody.surprises(CHANGES_SHOWN, &changes(NONE)).await,
            nobody.surprises(&stage.newer_changes_shown().await, &changes(NONE)).await,
            nobody.surprises(CHANGES_OF_ALICES, &changes(NONE)).await,
            nobody.surprises(BLIND_MERGES, &refused("42501")).await,
        ]);
    }
}

#[tokio::test]
async fn nobody_creates_anything() {
    let stage = Stage::new().await;

    for opening in NOBODIES {
        let nobody = stage.seat("rowkeep_login", opening).await;
        as_expected(vec![
            nobody.surprises(CREATIONS, &refused("42501")).await,
            nobody.surprises(FORGERIES, &refused("42501")).await,
        ]);
    }
}
