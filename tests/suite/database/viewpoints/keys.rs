//! The keys that encrypt cursors: a request gets the last one through a function, and no other role gets any.

use super::{NONE, TestDatabase, TestSession, assert_all_expected, outcome, refused};

/// Statements that would show a key or the number of keys.
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

/// Statements that would change the key in use.
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
async fn keys(database: &TestDatabase) -> Vec<Vec<u8>> {
    let all = "select key from rowkeep.cursor_keys order by id desc";
    let rows = database.admin.query(all, &[]).await.expect("keys");
    rows.iter().map(|row| row.get(0)).collect()
}

/// All statements of `session` about the table of keys are refused.
async fn is_kept_out(database: &TestDatabase, session: &TestSession<'_>, also: &[&str]) {
    let before = keys(database).await;

    assert_all_expected(vec![
        session.unexpected(READS, &refused("42501")).await,
        session.unexpected(CHANGES, &refused("42501")).await,
        session.unexpected(also, &refused("42501")).await,
    ]);

    assert_eq!(keys(database).await, before);
}

#[tokio::test]
async fn a_request_has_the_last_key_and_none_of_the_table() {
    let database = TestDatabase::new().await;
    let alice = database.user("alice").await;

    for sql in ["select 1", "insert into rowkeep.cursor_keys default values"] {
        database.admin.batch_execute(sql).await.expect(sql);
        let last = keys(&database).await.remove(0);
        let (output, error) = alice.output(THE_FUNCTION).await;
        assert!(error.is_none(), "{error:?}");
        let hex: String = last.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(output.trim_end(), format!("\\x{hex}"));
    }
    is_kept_out(&database, &alice, &[]).await;
}

#[tokio::test]
async fn the_auditor_and_unrelated_logins_have_no_key() {
    let database = TestDatabase::new().await;
    let auditor = database.login("auditor", "grant rowkeep_auditor to {}").await;
    let unrelated = database.login("unrelated", "").await;

    for login in [auditor, unrelated] {
        let session = database.session(&login, "begin").await;
        is_kept_out(&database, &session, &[THE_FUNCTION, "set role rowkeep_api", "set role rowkeep_owner"])
            .await;
    }
}

/// The planner's statistics show each role only columns that it may read.
#[tokio::test]
async fn the_statistics_show_no_key() {
    let database = TestDatabase::new().await;
    let more = "insert into rowkeep.cursor_keys (key) select key from rowkeep.cursor_keys; analyze rowkeep.cursor_keys";
    database.admin.batch_execute(more).await.expect("statistics");
    let auditor = database.login("auditor", "grant rowkeep_auditor to {}").await;
    let unrelated = database.login("unrelated", "").await;
    let look = "select 1 / count(*) from pg_stats where tablename = 'cursor_keys' and attname = 'key'";
    assert!(database.admin.batch_execute(look).await.is_ok(), "there are none");

    // division_by_zero
    let none = outcome("22012", NONE, NONE);
    assert_all_expected(vec![
        database.user("alice").await.unexpected(&[look], &none).await,
        database.session(&auditor, "begin").await.unexpected(&[look], &none).await,
        database.session(&unrelated, "begin").await.unexpected(&[look], &none).await,
    ]);
}

/// A key is 32 random bytes. Two databases, and two rows of one database, have different keys.
#[tokio::test]
async fn every_key_is_different() {
    let database = TestDatabase::new().await;
    let more = "insert into rowkeep.cursor_keys default values";
    for _ in 0..3 {
        database.admin.batch_execute(more).await.expect("a key");
    }

    let mut found = keys(&database).await;

    assert!(found.iter().all(|key| key.len() == 32), "{found:?}");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 4);
}
