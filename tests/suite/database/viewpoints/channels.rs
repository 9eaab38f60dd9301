//! What everybody who may send SQL as the role of requests shares with everybody else who may: PostgreSQL closes it to
//! nobody, it says that others are there, and it never says what they wrote.

use super::super::support::{begin_as, texts};
use super::ways::{STATISTICS, STATISTICS_FOR_EVERYBODY};
use super::{ALICES, BOBS, NONE, Outcome, Stage, as_expected, outcome, refused, sees};

/// Sizes, numbers of rows, plans and locks: figures about the whole table.
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
async fn figures_about_the_table_hold_no_value_of_a_row() {
    let stage = Stage::new().await;
    let alices = stage.database.client("rowkeep_login").await;
    begin_as(&alices, "alice").await;
    alices.query("select title from app.tasks where title <> $1", &[&"alice-1"]).await.expect("rows");

    let bob = stage.user("bob").await;

    as_expected(vec![bob.surprises(FIGURES, &sees(NONE)).await]);
}

#[tokio::test]
async fn the_planners_statistics_show_bob_nothing() {
    let stage = Stage::new().await;

    let bob = stage.user("bob").await;

    as_expected(vec![
        bob.surprises(STATISTICS, &refused("42501")).await,
        bob.surprises(STATISTICS_FOR_EVERYBODY, &sees(NONE)).await,
    ]);
}

/// How many tasks were ever created is not bob's to ask: it is refused, or (since 18) answered with null.
#[tokio::test]
async fn the_sequence_tells_bob_no_number() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let last = "pg_sequence_last_value('app.tasks_id_seq')";
    let came = bob.sends(&format!("select 1 / (case when {last} is null then 0 else 1 end)")).await;

    // insufficient_privilege, division_by_zero
    assert!(came == refused("42501") || came == refused("22012"), "{came:?}");
}

/// EXPLAIN ANALYZE runs what it explains.
#[tokio::test]
async fn an_explained_change_changes_bobs_tasks_alone() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let explained = [
        "explain (analyze) update app.tasks set title = 'x'",
        "explain (analyze) delete from app.tasks",
        "explain (analyze) update app.tasks set description = 'x' where id > 0 returning title",
        "prepare q as delete from app.tasks; explain (analyze) execute q",
    ];

    as_expected(vec![bob.surprises(&explained, &super::changes(BOBS)).await]);
}

/// It needs no right but one to change the table, and bounds on it come with the login.
#[tokio::test]
async fn a_lock_on_the_table_gives_bob_no_row_more() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    for mode in ["access share", "row exclusive", "share", "exclusive", "access exclusive"] {
        let lock = format!("lock table app.tasks in {mode} mode; table app.tasks");
        assert_eq!(bob.sends(&lock).await, sees(BOBS), "{mode}");
    }
}

/// Objects of no schema, that every session of the role shares.
#[tokio::test]
async fn what_sessions_share_is_there_and_holds_what_somebody_puts_there() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let shared = [
        "listen tasks; notify tasks, 'x'; unlisten *",
        "select pg_advisory_xact_lock(1)",
        "select lo_unlink(lo_create(0))",
        "select pg_backend_pid(), txid_current(), now(), version()",
    ];

    as_expected(vec![bob.surprises(&shared, &sees(NONE)).await]);
}

/// Temporary tables and held cursors are the session's, not the user's: another reason why requests write no SQL.
#[tokio::test]
async fn what_bob_keeps_in_his_session_is_his_rows_and_goes_with_it() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let kept = [
        "create temp table kept as table app.tasks; select app.identify('alice'); table kept",
        "declare c cursor with hold for table app.tasks; commit; begin; select app.identify('alice'); fetch all from c",
    ];
    as_expected(vec![bob.surprises(&kept, &sees(BOBS)).await]);

    let gone = bob.sends("begin; fetch all from c").await;
    // invalid_cursor_name
    assert_eq!(gone, refused("34000"));
}

/// `MERGE` on a condition without a column asks every row; the error says that there is one of another user, no more.
#[tokio::test]
async fn a_blind_merge_says_that_others_have_tasks_and_nothing_about_them() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;
    let merge = "merge into app.tasks t using (values (1)) v on true when matched then delete";

    let with_others = bob.sends(merge).await;
    stage.admin.batch_execute("delete from app.tasks where user_id = 'alice'").await.expect("nobody else");
    let Outcome { state, seen, .. } = bob.sends(merge).await;

    assert_eq!(with_others, refused("42501"));
    assert_eq!((state.as_str(), seen.len()), ("00000", 0));
}

/// A session of the same login can be ended, as psql's can; a superuser's and the owner's cannot.
#[tokio::test]
async fn bob_ends_no_session_of_another_role() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;
    let [admin] = texts(&stage.admin, "select pg_backend_pid()::text").await.try_into().expect("one");

    for end in ["pg_terminate_backend", "pg_cancel_backend"] {
        assert_eq!(bob.sends(&format!("select {end}({admin})")).await, refused("42501"));
    }
}

/// `DROP OWNED BY` takes a role out of every policy, whoever owns the table. What is left is the fence.
#[tokio::test]
async fn without_its_policy_the_role_of_requests_sees_nothing_until_the_policies_are_applied_again() {
    let stage = Stage::new().await;
    stage.admin.batch_execute("drop policy owner_only on app.tasks").await.expect("no policy");
    let alice = stage.user("alice").await;
    as_expected(vec![alice.surprises(&["table app.tasks", "delete from app.tasks"], &sees(NONE)).await]);

    let address = stage.database.address("postgres");
    rowkeep::schema::migrate(&address, true).await.expect("policies");

    as_expected(vec![
        alice.surprises(&["table app.tasks"], &sees(ALICES)).await,
        alice.surprises(&["delete from app.tasks"], &outcome("00000", NONE, ALICES)).await,
    ]);
}
