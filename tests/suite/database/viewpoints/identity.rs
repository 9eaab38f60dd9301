//! Identities that are set, changed and mixed in one session: it always sees the rows of one user, or none.

use super::reading::READS;
use super::{ALICES, BOBS, NONE, TestDatabase, assert_all_expected, outcome, sees};

/// All ways to become alice. A client that sends SQL as rowkeep_api can become any user, but only one at a time. So requests
/// bind values and never build SQL.
#[tokio::test]
async fn a_session_that_becomes_alice_is_only_alice() {
    let database = TestDatabase::new().await;
    let says = [
        "select app.identify('alice'); table app.tasks",
        "set local app.user_id = 'alice'; table app.tasks",
        "set app.user_id = 'alice'; table app.tasks",
        "set session app.user_id to alice; table app.tasks",
        "set \"app\".\"user_id\" = 'alice'; table app.tasks",
        "set local App.User_Id = 'alice'; table app.tasks",
        "select set_config('app.user_id', 'alice', true); table app.tasks",
        "select set_config('app.user_id', 'alice', false); table app.tasks",
        "set app.user_id = 'alice'; commit; table app.tasks",
        "do $$ begin perform app.identify('alice'); end $$; table app.tasks",
        "with s as materialized (select set_config('app.user_id', 'alice', true)) select title from s, app.tasks",
    ];

    assert_all_expected(vec![
        database.user("bob").await.unexpected(&says, &sees(ALICES)).await,
        database.session("rowkeep_login", "begin").await.unexpected(&says, &sees(ALICES)).await,
        database
            .session("rowkeep_login", "begin; set local role none")
            .await
            .unexpected(&says, &sees(ALICES))
            .await,
    ]);
}

/// Values that a careless comparison would take for another user or for all users.
#[tokio::test]
async fn an_identity_that_no_user_has_exactly_sees_nothing() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let mut says: Vec<String> =
        ["alice,bob", "{alice,bob}", "alice|bob", "%", "*", ".*", " alice", "alice ", "ALICE", "alice\\0"]
            .map(|id| format!("set local app.user_id = '{id}'; table app.tasks"))
            .into();
    says.extend(
        [
            "reset app.user_id",
            "set local app.user_id = default",
            "set app.user_id to ''",
            "reset all",
            "commit",
            "rollback",
        ]
        .map(|end| format!("{end}; table app.tasks")),
    );
    let says: Vec<&str> = says.iter().map(String::as_str).collect();

    assert_all_expected(vec![bob.unexpected(&says, &sees(NONE)).await]);
}

#[tokio::test]
async fn leaving_the_role_does_not_change_the_user() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let leaves = [
        "reset role; table app.tasks",
        "set local role none; table app.tasks",
        "set role rowkeep_login; table app.tasks",
        "reset session authorization; table app.tasks",
        "set session authorization default; table app.tasks",
        "set session authorization rowkeep_login; table app.tasks",
        "create temp table tasks (like app.tasks); set local search_path = pg_temp; table app.tasks",
        "set local search_path = ''; table app.tasks",
        "create function pg_temp.current_user_id() returns text language sql return 'alice'; set local search_path = pg_temp, app; table app.tasks",
        "create temp table pg_class (a int); create temp table pg_policy (a int); table app.tasks",
        "select set_config('app.user_id', 'alice', true) from generate_series(1, 0); table app.tasks",
    ];

    assert_all_expected(vec![bob.unexpected(&leaves, &sees(BOBS)).await]);
}

#[tokio::test]
async fn rolling_back_to_a_savepoint_restores_the_earlier_identity() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let back = [
        "savepoint s; select app.identify('alice'); rollback to s; table app.tasks",
        "savepoint s; set local app.user_id = 'alice'; rollback to s; table app.tasks",
        "savepoint s; set app.user_id = 'alice'; rollback to s; release s; table app.tasks",
        "do $$ begin perform app.identify('alice'); raise division_by_zero; exception when division_by_zero then null; end $$;
         table app.tasks",
    ];

    assert_all_expected(vec![bob.unexpected(&back, &sees(BOBS)).await]);
}

/// One plan, made for bob or as a generic plan, and then used by alice and without an identity.
#[tokio::test]
async fn a_prepared_statement_shows_each_of_its_users_their_own_tasks() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
        for statement in [
            "table app.tasks",
            "with t as (table app.tasks) select * from t where exists (select from app.tasks)",
        ] {
            let prepare = format!(
                "set plan_cache_mode = {mode}; prepare q as {statement};
                 create temp table once as execute q; create temp table twice as execute q;"
            );
            let alice = format!("{prepare} select app.identify('alice'); execute q");
            let nobody = format!("{prepare} commit; execute q");

            assert_eq!(bob.sends(&alice).await, sees(ALICES), "{mode}: {statement}");
            assert_eq!(bob.sends(&nobody).await, sees(NONE), "{mode}: {statement}");
        }
    }
}

#[tokio::test]
async fn a_prepared_change_reaches_the_tasks_of_the_user_who_executes_it() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
        for (statement, reached) in [
            ("update app.tasks set description = 'x'", ALICES),
            ("delete from app.tasks", ALICES),
            ("insert into app.tasks (title) values ('x')", &["a new one of alice's"]),
        ] {
            let execute = format!(
                "set plan_cache_mode = {mode}; prepare q as {statement}; savepoint s;
                 execute q; execute q; execute q; execute q; execute q; execute q; rollback to s;
                 select app.identify('alice'); execute q"
            );
            assert_eq!(bob.sends(&execute).await, outcome("00000", NONE, reached), "{mode}: {statement}");
        }
    }
}

/// PostgreSQL also caches the plans of functions.
#[tokio::test]
async fn a_function_shows_each_user_their_own_tasks() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    for (language, volatility) in
        [("sql", "volatile"), ("sql", "immutable"), ("plpgsql", "volatile"), ("plpgsql", "immutable")]
    {
        let body = match language {
            "sql" => "select string_agg(title, ' ') from app.tasks",
            _ => "begin return (select string_agg(title, ' ') from app.tasks); end",
        };
        let look = format!(
            "create function pg_temp.look() returns text language {language} {volatility} as $$ {body} $$;
             do $$ begin for i in 1 .. 7 loop perform pg_temp.look(); end loop; end $$;
             select app.identify('alice'); select pg_temp.look()"
        );
        assert_eq!(bob.sends(&look).await, sees(ALICES), "{language} {volatility}");
    }
}

/// The setting alone gives a role no right to a row.
#[tokio::test]
async fn a_session_that_stays_alice_sees_only_her_tasks() {
    let database = TestDatabase::new().await;

    let alice = database.session("rowkeep_login", "set app.user_id = 'alice'; begin").await;

    assert_all_expected(vec![alice.unexpected(READS, &sees(ALICES)).await]);
}
