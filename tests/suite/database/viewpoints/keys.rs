//! The keys that cursors are sealed with: a request has the last one, through a function, and nobody else has any.

use super::{NONE, Seat, Stage, as_expected, outcome, refused};

/// Whatever would show a key, or how many there are.
const READS: &[&str] = &[
    "table rowkeep.cursor_keys",
    "select key from rowkeep.cursor_keys",
    "select count(*) from rowkeep.cursor_keys",
    "select from rowkeep.cursor_keys where key > '\\x80'",
    "copy rowkeep.cursor_keys to stdout",
    "select key from rowkeep.cursor_keys for update",
    "select last_value from rowkeep.cursor_keys_id_seq",
    "select stavalues1::text from pg_statistic",
    "create temp table copied as table rowkeep.cursor_keys",
    "lock table rowkeep.cursor_keys in access share mode",
];

/// Whatever would put another key in force, or none.
const CHANGES: &[&str] = &[
    "insert into rowkeep.cursor_keys default values",
    "insert into rowkeep.cursor_keys (key) values ('\\x00')",
    "update rowkeep.cursor_keys set key = '\\x00'",
    "delete from rowkeep.cursor_keys",
    "truncate rowkeep.cursor_keys",
    "select nextval('rowkeep.cursor_keys_id_seq')",
    "alter table rowkeep.cursor_keys alter column key set default '\\x00'",
    "drop table rowkeep.cursor_keys",
    "create or replace function app.cursor_key() returns bytea language sql return '\\x00'",
    "alter function app.cursor_key() security invoker",
];

const THE_FUNCTION: &str = "select app.cursor_key()";

/// All keys, the last one first.
async fn keys(stage: &Stage) -> Vec<Vec<u8>> {
    let all = "select key from rowkeep.cursor_keys order by id desc";
    let rows = stage.admin.query(all, &[]).await.expect("keys");
    rows.iter().map(|row| row.get(0)).collect()
}

/// What `seat` tries with the table of keys, which is refused and changes none.
async fn is_kept_out(stage: &Stage, seat: &Seat<'_>, also: &[&str]) {
    let before = keys(stage).await;

    as_expected(vec![
        seat.surprises(READS, &refused("42501")).await,
        seat.surprises(CHANGES, &refused("42501")).await,
        seat.surprises(also, &refused("42501")).await,
    ]);

    assert_eq!(keys(stage).await, before);
}

#[tokio::test]
async fn a_request_has_the_last_key_and_none_of_the_table() {
    let stage = Stage::new().await;
    let alice = stage.user("alice").await;

    for sql in ["select 1", "insert into rowkeep.cursor_keys default values"] {
        stage.admin.batch_execute(sql).await.expect(sql);
        let last = keys(&stage).await.remove(0);
        let (told, error) = alice.said(THE_FUNCTION).await;
        assert!(error.is_none(), "{error:?}");
        let hex: String = last.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told.trim_end(), format!("\\x{hex}"));
    }
    is_kept_out(&stage, &alice, &[]).await;
}

#[tokio::test]
async fn the_auditor_and_strangers_have_no_key() {
    let stage = Stage::new().await;
    let auditor = stage.login("auditor", "grant rowkeep_auditor to {}").await;
    let stranger = stage.login("stranger", "").await;

    for login in [auditor, stranger] {
        let seat = stage.seat(&login, "begin").await;
        is_kept_out(&stage, &seat, &[THE_FUNCTION, "set role rowkeep_api", "set role rowkeep_owner"]).await;
    }
}

/// The planner's statistics, which everybody may ask for what they may read.
#[tokio::test]
async fn the_statistics_tell_nobody_of_a_key() {
    let stage = Stage::new().await;
    let more = "insert into rowkeep.cursor_keys (key) select key from rowkeep.cursor_keys; analyze rowkeep.cursor_keys";
    stage.admin.batch_execute(more).await.expect("statistics");
    let auditor = stage.login("auditor", "grant rowkeep_auditor to {}").await;
    let stranger = stage.login("stranger", "").await;
    let look = "select 1 / count(*) from pg_stats where tablename = 'cursor_keys' and attname = 'key'";
    assert!(stage.admin.batch_execute(look).await.is_ok(), "there are none");

    // division_by_zero
    let none = outcome("22012", NONE, NONE);
    as_expected(vec![
        stage.user("alice").await.surprises(&[look], &none).await,
        stage.seat(&auditor, "begin").await.surprises(&[look], &none).await,
        stage.seat(&stranger, "begin").await.surprises(&[look], &none).await,
    ]);
}

/// 32 bytes that nobody has had before: two tables of keys, and two rows of one, have none in common.
#[tokio::test]
async fn every_key_is_another() {
    let stage = Stage::new().await;
    let more = "insert into rowkeep.cursor_keys default values";
    for _ in 0..3 {
        stage.admin.batch_execute(more).await.expect("a key");
    }

    let mut found = keys(&stage).await;

    assert!(found.iter().all(|key| key.len() == 32), "{found:?}");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 4);
}
