//! Identities that are taken on, changed and mixed within one session: always one user's rows, or none.

use super::ways::READS;
use super::{ALICES, BOBS, NONE, Stage, as_expected, outcome, sees};

/// Every spelling of "I am alice": whoever may speak as the role of requests is whom they say they are, and nobody
/// else any more. That is why requests bind values and never write SQL.
#[tokio::test]
async fn whoever_says_to_be_alice_is_alice_alone() {
    let stage = Stage::new().await;
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

    as_expected(vec![
        stage.user("bob").await.surprises(&says, &sees(ALICES)).await,
        stage.seat("rowkeep_login", "begin").await.surprises(&says, &sees(ALICES)).await,
        stage.seat("rowkeep_login", "begin; set local role none").await.surprises(&says, &sees(ALICES)).await,
    ]);
}

/// What a careless comparison would take for two users, for all of them, or for somebody.
#[tokio::test]
async fn an_identity_that_is_nobodys_to_the_letter_sees_nothing() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

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

    as_expected(vec![bob.surprises(&says, &sees(NONE)).await]);
}

#[tokio::test]
async fn leaving_the_role_keeps_bob_bob() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

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

    as_expected(vec![bob.surprises(&leaves, &sees(BOBS)).await]);
}

#[tokio::test]
async fn a_savepoint_gives_the_identity_before_it_back() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let back = [
        "savepoint s; select app.identify('alice'); rollback to s; table app.tasks",
        "savepoint s; set local app.user_id = 'alice'; rollback to s; table app.tasks",
        "savepoint s; set app.user_id = 'alice'; rollback to s; release s; table app.tasks",
        "do $$ begin perform app.identify('alice'); raise division_by_zero; exception when division_by_zero then null; end $$;
         table app.tasks",
    ];

    as_expected(vec![bob.surprises(&back, &sees(BOBS)).await]);
}

/// One plan, made for bob or for nobody in particular, and then asked by alice and by nobody.
#[tokio::test]
async fn a_prepared_statement_shows_each_of_its_users_their_own_tasks() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

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
async fn a_prepared_change_reaches_the_tasks_of_whoever_executes_it() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

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

/// A function's plans are kept, too.
#[tokio::test]
async fn a_function_of_ones_own_shows_each_user_their_own_tasks() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

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

/// Whatever the setting says, the role has no right to a row.
#[tokio::test]
async fn a_session_that_is_alice_for_good_sees_hers_alone() {
    let stage = Stage::new().await;

    let alice = stage.seat("rowkeep_login", "set app.user_id = 'alice'; begin").await;

    as_expected(vec![alice.surprises(READS, &sees(ALICES)).await]);
}
