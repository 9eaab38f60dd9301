//! Covert channels between sessions of rowkeep_api, which PostgreSQL cannot close. They show that other users exist, but not
//! their tasks.

use super::super::support::{begin_as, texts};
use super::reading::{STATISTICS, STATISTICS_FOR_PUBLIC};
use super::{ALICES, BOBS, NONE, Outcome, TestDatabase, assert_all_expected, outcome, refused, sees};

/// Sizes, numbers of rows, plans and locks of the whole table.
const FIGURES: &[&str] = &[
    "explain select title from app.tasks where user_id = 'alice'",
    "explain (verbose, format json) update app.tasks set title = 'x'",
    "explain (costs off) delete from app.tasks",
    "explain (analyze) select title from app.tasks",
    "explain (analyze, verbose, buffers) select from app.tasks where title like 'a%'",
    "select * from pg_class where oid = 'app.tasks'::regclass",
    "select * from pg_stat_user_tables",
    "select * from pg_statio_user_tables",
    "select * from pg_stat_user_indexes",
    "select pg_relation_size('app.tasks'), pg_total_relation_size('app.tasks')",
    "select pg_stat_get_live_tuples('app.tasks'::regclass)",
    "select * from pg_locks",
    "select * from pg_sequences",
    "select * from pg_stat_activity",
    "select * from pg_prepared_xacts",
    "select * from pg_cursors",
    "select * from pg_prepared_statements",
];

#[tokio::test]
async fn figures_about_the_table_contain_no_value_of_a_row() {
    let database = TestDatabase::new().await;
    let alices = database.database.client("rowkeep_login").await;
    begin_as(&alices, "alice").await;
    alices.query("select title from app.tasks where title <> $1", &[&"alice-1"]).await.expect("rows");

    let bob = database.user("bob").await;

    assert_all_expected(vec![bob.unexpected(FIGURES, &sees(NONE)).await]);
}

#[tokio::test]
async fn the_planners_statistics_show_bob_nothing() {
    let database = TestDatabase::new().await;

    let bob = database.user("bob").await;

    assert_all_expected(vec![
        bob.unexpected(STATISTICS, &refused("42501")).await,
        bob.unexpected(STATISTICS_FOR_PUBLIC, &sees(NONE)).await,
    ]);
}

/// The number of all created tasks is not shown to bob: PostgreSQL refuses, or (since 18) returns null.
#[tokio::test]
async fn the_sequence_shows_bob_no_number() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let last = "pg_sequence_last_value('app.tasks_id_seq')";
    let came = bob.sends(&format!("select 1 / (case when {last} is null then 0 else 1 end)")).await;

    // insufficient_privilege, division_by_zero
    assert!(came == refused("42501") || came == refused("22012"), "{came:?}");
}

/// EXPLAIN ANALYZE runs what it explains.
#[tokio::test]
async fn an_explained_change_changes_bobs_tasks_alone() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let explained = [
        "explain (analyze) update app.tasks set title = 'x'",
        "explain (analyze) delete from app.tasks",
        "explain (analyze) update app.tasks set description = 'x' where id > 0 returning title",
        "prepare q as delete from app.tasks; explain (analyze) execute q",
    ];

    assert_all_expected(vec![bob.unexpected(&explained, &super::changes(BOBS)).await]);
}

/// A role that may change the table may lock it. The timeouts of the login limit that.
#[tokio::test]
async fn a_lock_on_the_table_shows_bob_no_more_rows() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    for mode in ["access share", "row exclusive", "share", "exclusive", "access exclusive"] {
        let lock = format!("lock table app.tasks in {mode} mode; table app.tasks");
        assert_eq!(bob.sends(&lock).await, sees(BOBS), "{mode}");
    }
}

/// Objects without a schema, which all sessions of the role share.
#[tokio::test]
async fn shared_objects_contain_only_what_a_session_puts_there() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let shared = [
        "listen tasks; notify tasks, 'x'; unlisten *",
        "select pg_advisory_xact_lock(1)",
        "select lo_unlink(lo_create(0))",
        "select pg_backend_pid(), txid_current(), now(), version()",
    ];

    assert_all_expected(vec![bob.unexpected(&shared, &sees(NONE)).await]);
}

/// Temporary tables and held cursors belong to the session and not to the user. So requests must not send SQL of clients.
#[tokio::test]
async fn a_session_keeps_only_bobs_rows_and_ends_with_them() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let kept = [
        "create temp table kept as table app.tasks; select app.identify('alice'); table kept",
        "declare c cursor with hold for table app.tasks; commit; begin; select app.identify('alice'); fetch all from c",
    ];
    assert_all_expected(vec![bob.unexpected(&kept, &sees(BOBS)).await]);

    let gone = bob.sends("begin; fetch all from c").await;
    // invalid_cursor_name
    assert_eq!(gone, refused("34000"));
}

/// `MERGE` with a condition without columns meets every row. Its error shows only that another user has a row.
#[tokio::test]
async fn a_merge_without_columns_shows_only_that_others_have_tasks() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;
    let merge = "merge into app.tasks t using (values (1)) v on true when matched then delete";

    let with_others = bob.sends(merge).await;
    database.admin.batch_execute("delete from app.tasks where user_id = 'alice'").await.expect("nobody else");
    let Outcome { state, seen, .. } = bob.sends(merge).await;

    assert_eq!(with_others, refused("42501"));
    assert_eq!((state.as_str(), seen.len()), ("00000", 0));
}

/// A session can end other sessions of its login, but not those of a superuser or the owner.
#[tokio::test]
async fn bob_ends_no_session_of_another_role() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;
    let [admin] = texts(&database.admin, "select pg_backend_pid()::text").await.try_into().expect("one");

    for end in ["pg_terminate_backend", "pg_cancel_backend"] {
        assert_eq!(bob.sends(&format!("select {end}({admin})")).await, refused("42501"));
    }
}

/// `DROP OWNED BY` removes the role from every policy, even without owning the table. The fence remains.
#[tokio::test]
async fn without_its_policy_the_role_of_requests_sees_nothing_until_the_policies_are_applied_again() {
    let database = TestDatabase::new().await;
    database.admin.batch_execute("drop policy owner_only on app.tasks").await.expect("no policy");
    let alice = database.user("alice").await;
    assert_all_expected(vec![
        alice.unexpected(&["table app.tasks", "delete from app.tasks"], &sees(NONE)).await,
    ]);

    let address = database.database.address("postgres");
    rowkeep::schema::migrate(&address, true).await.expect("policies");

    assert_all_expected(vec![
        alice.unexpected(&["table app.tasks"], &sees(ALICES)).await,
        alice.unexpected(&["delete from app.tasks"], &outcome("00000", NONE, ALICES)).await,
    ]);
}
