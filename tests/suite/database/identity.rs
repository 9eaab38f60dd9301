//! The identity of a transaction: set once, compared exactly, gone at its end.

use super::support::{Fixture, begin_as, creates, state, texts};
use crate::world::Database;

const LOOK: &str = "select concat_ws('/', current_user, current_setting('app.user_id', true),
                                     coalesce(app.current_user_id(), 'nobody'))";

#[tokio::test]
async fn a_transaction_without_identity_has_no_rows() {
    let fixture = Fixture::new().await;

    for before in ["begin", "begin; set local role rowkeep_api", "begin; set local app.user_id = ''"] {
        fixture.login.batch_execute(before).await.expect(before);
        assert_eq!(texts(&fixture.login, "select user_id from app.tasks").await, [""; 0], "{before}");
        let insert = fixture.login.execute("insert into app.tasks (title) values ('x')", &[]).await;
        assert!(["42501", "23502"].contains(&state(insert).as_str()), "{before}");
        fixture.login.batch_execute("rollback").await.expect("an end");
    }
}

#[tokio::test]
async fn a_transaction_without_identity_changes_nothing() {
    let fixture = Fixture::new().await;
    let before = (fixture.stored("alice").await, fixture.stored("bob").await);

    for sql in ["update app.tasks set title = 'x'", "delete from app.tasks"] {
        assert_eq!(fixture.login.execute(sql, &[]).await.expect(sql), 0, "{sql}");
    }

    assert_eq!((fixture.stored("alice").await, fixture.stored("bob").await), before);
}

#[tokio::test]
async fn an_empty_or_null_identity_is_refused() {
    let fixture = Fixture::new().await;

    for id in [Some(""), None] {
        fixture.admin.batch_execute("begin").await.expect("a transaction");
        let outcome = fixture.admin.execute("select app.identify($1)", &[&id]).await;
        fixture.admin.batch_execute("rollback").await.expect("an end");

        // invalid_authorization_specification
        assert_eq!(state(outcome), "28000", "{id:?}");
    }
}

/// After its first use, the unset setting is '' and not null. Every connection could see a row whose user is ''.
#[tokio::test]
async fn no_row_can_belong_to_the_empty_user() {
    let fixture = Fixture::new().await;

    let insert = "insert into app.tasks (user_id, title) values ('', 'x')";

    assert_eq!(state(fixture.admin.execute(insert, &[]).await), "23514");
}

#[tokio::test]
async fn an_identity_ends_with_its_transaction() {
    let fixture = Fixture::new().await;
    let client = fixture.database.superuser().await;

    for end in ["commit", "rollback", "select 1/0", "select pg_sleep(1/0)"] {
        begin_as(&client, "alice").await;
        assert_eq!(texts(&client, LOOK).await, ["rowkeep_api/alice/alice"]);
        if client.batch_execute(end).await.is_err() {
            // After an error, COMMIT rolls back.
            client.batch_execute("commit").await.expect("an end");
        }
        assert_eq!(texts(&client, LOOK).await, ["postgres//nobody"], "after {end}");
    }
}

#[tokio::test]
async fn an_identity_ends_with_its_transaction_for_the_recommended_login() {
    let fixture = Fixture::new().await;

    begin_as(&fixture.login, "alice").await;
    fixture.login.batch_execute("commit").await.expect("an end");

    assert_eq!(texts(&fixture.login, LOOK).await, ["rowkeep_api//nobody"]);
    assert_eq!(texts(&fixture.login, "select user_id from app.tasks").await, [""; 0]);
}

#[tokio::test]
async fn rolling_back_to_a_savepoint_removes_the_identity() {
    let fixture = Fixture::new().await;

    begin_as(&fixture.login, "alice").await;
    fixture.login.batch_execute("savepoint here").await.expect("a savepoint");
    fixture.login.execute("select app.identify('bob')", &[]).await.expect("an identity");
    assert_eq!(texts(&fixture.login, "select distinct user_id from app.tasks").await, ["bob"]);
    fixture.login.batch_execute("rollback to here").await.expect("back");

    assert_eq!(texts(&fixture.login, "select distinct user_id from app.tasks").await, ["alice"]);
}

#[tokio::test]
async fn an_identity_outside_a_transaction_lasts_for_one_statement() {
    let fixture = Fixture::new().await;

    fixture.login.execute("select app.identify('alice')", &[]).await.expect("an identity");

    assert_eq!(texts(&fixture.login, "select user_id from app.tasks").await, [""; 0]);
}

/// User ids that an identity provider may use, and ids that an inexact comparison would confuse.
fn unusual_user_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "alice",
        "Alice",
        "ALICE",
        "alice ",
        " alice",
        "alice\t",
        "alice\nbob",
        "alice,bob",
        "{alice,bob}",
        "alic",
        "alice2",
        "%",
        "_____",
        "a%",
        "al_ce",
        "%alice%",
        ".*",
        "alice|bob",
        "o'brien",
        "o''brien",
        "'",
        "''",
        "\"alice\"",
        "\"",
        "\\",
        "\\'",
        "back\\slash",
        "E'alice'",
        "'; drop table app.tasks; --",
        "alice' or '1'='1",
        "alice'); select 1; --",
        "$1",
        "$$",
        "$q$",
        "$$alice$$",
        "%L",
        "%s",
        "%I",
        "%1$s",
        "%%",
        "null",
        "NULL",
        "default",
        "true",
        "0",
        "-1",
        "1e5",
        "NaN",
        "\u{e9}l\u{e8}ve",
        "e\u{301}le\u{300}ve",
        "\u{430}lice",
        "alice\u{200b}",
        "\u{a0}alice",
        "\u{202e}ecila",
        "用户",
        "مستخدم",
        "यूज़र",
        "👩‍💻",
        "ß",
        "SS",
        "ss",
        "İ",
        "i",
        "ı",
        "ſ",
        "K",
        "\u{212a}",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "https://id.example/u?x=1&y=2#z",
        "user@example.com",
        "a/b/../c",
        "550e8400-e29b-41d4-a716-446655440000",
        "550E8400-E29B-41D4-A716-446655440000",
    ]
    .map(str::to_owned)
    .into();
    ids.extend([250, 254, 255].map(|length| "é".repeat(length)));
    ids.push(format!("{}b", "é".repeat(254)));
    ids
}

#[tokio::test]
async fn identities_are_compared_exactly() {
    let database = Database::new().await;
    let client = database.client("rowkeep_login").await;
    for id in unusual_user_ids() {
        creates(&client, &id, "its own").await;
    }

    for id in unusual_user_ids() {
        begin_as(&client, &id).await;
        let owners = texts(&client, "select user_id from app.tasks").await;
        client.batch_execute("commit").await.expect("an end");
        assert_eq!(owners, [id]);
    }
}

#[tokio::test]
async fn an_update_without_filter_changes_only_the_rows_of_its_user() {
    let database = Database::new().await;
    let client = database.client("rowkeep_login").await;
    let ids = unusual_user_ids();
    for id in &ids {
        creates(&client, id, "untouched").await;
    }

    for id in &ids {
        begin_as(&client, id).await;
        let changed = client.execute("update app.tasks set title = 'touched'", &[]).await.expect("a change");
        client.batch_execute("rollback").await.expect("an end");
        assert_eq!(changed, 1, "{id}");
    }
}

#[tokio::test]
async fn an_identity_of_more_than_255_characters_owns_nothing() {
    let fixture = Fixture::new().await;

    begin_as(&fixture.login, &"x".repeat(256)).await;
    let insert = fixture.login.execute("insert into app.tasks (title) values ('x')", &[]).await;

    let error = insert.expect_err("a rule is broken");
    assert_eq!(error.as_db_error().and_then(|error| error.constraint()), Some("tasks_user_id_length"));
}

/// A comparison with a nondeterministic collation could treat two users as one.
#[tokio::test]
async fn user_ids_are_compared_byte_by_byte() {
    let database = Database::new().await;

    let loose = "select attname::text from pg_attribute a join pg_collation c on c.oid = a.attcollation
                  where attrelid = 'app.tasks'::regclass and not c.collisdeterministic";

    assert_eq!(texts(&database.superuser().await, loose).await, [""; 0]);
}

/// A stored default would give every connection without an identity that user.
#[tokio::test]
async fn no_identity_is_stored_for_a_role_or_a_database() {
    let database = Database::new().await;

    let stored =
        "select setting from pg_db_role_setting, unnest(setconfig) setting where setting ~ 'app[.]user_id'";

    assert_eq!(texts(&database.superuser().await, stored).await, [""; 0]);
}
