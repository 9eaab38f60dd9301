//! Statements that no question of `sql/` makes: whatever is sent as bob, alice's rows stay unseen and unchanged.

use super::support::{Home, begin_as, state, texts};

/// An UPDATE without WHERE and RETURNING never consults the policy for reading.
#[tokio::test]
async fn an_update_of_everything_changes_ones_own_rows_alone() {
    let home = Home::new().await;
    let before = home.stored("alice").await;

    let outcome = home.bob_runs("update app.tasks set title = 'bob was here', completed = true").await;

    assert_eq!(outcome, "00000");
    assert_eq!(home.stored("alice").await, before);
    assert!(home.stored("bob").await.iter().all(|row| row.contains("bob was here")));
}

#[tokio::test]
async fn a_delete_of_everything_deletes_ones_own_rows_alone() {
    let home = Home::new().await;
    let before = home.stored("alice").await;

    let outcome = home.bob_runs("delete from app.tasks").await;

    assert_eq!(outcome, "00000");
    assert_eq!(home.stored("alice").await, before);
    assert_eq!(home.stored("bob").await, [""; 0]);
}

/// Whether a row comes back, or an error would say something: neither for a row of alice's.
#[tokio::test]
async fn no_way_of_reading_shows_another_users_row() {
    let home = Home::new().await;
    let alices = home.alices[0];
    let ways = [
        "select user_id from app.tasks".to_owned(),
        format!("select user_id from app.tasks where id = {alices}"),
        "select user_id from app.tasks where user_id <> 'bob'".into(),
        "select user_id from app.tasks for update".into(),
        "select user_id from app.tasks for key share skip locked".into(),
        "select user_id from app.tasks tablesample system (100)".into(),
        "select user_id from app.tasks where ctid >= '(0,0)'".into(),
        "select user_id from only app.tasks".into(),
        "select b.user_id from app.tasks a join app.tasks b on true".into(),
        "select (select max(t.user_id) from app.tasks t where t.user_id <> 'bob')".into(),
        "select user_id from (select * from app.tasks offset 0) t".into(),
        "with t as materialized (select * from app.tasks) select user_id from t".into(),
        "with t as (update app.tasks set completed = true returning user_id) select user_id from t".into(),
        "with t as (delete from app.tasks returning user_id) select user_id from t".into(),
        format!("update app.tasks set completed = not completed where id = {alices} returning user_id"),
        "select unnest(xpath('//user_id/text()', query_to_xml('table app.tasks', false, false, '')))::text".into(),
        "select unnest(xpath('//user_id/text()', table_to_xml('app.tasks', false, false, '')))::text".into(),
        "select user_id from app.tasks where 1 / (case when user_id = 'bob' then 1 else 0 end) = 1".into(),
        "select user_id from app.tasks where (case when user_id = 'bob' then '1' else 'x' end)::int = 1".into(),
        "select user_id from app.tasks where title similar to case when user_id = 'bob' then '%' else '(' end".into(),
        "select most_common_vals::text from pg_stats where schemaname = 'app'".into(),
    ];
    home.admin.batch_execute("analyze app.tasks").await.expect("statistics");

    for way in ways {
        begin_as(&home.login, "bob").await;
        let rows = match home.login.query(&way, &[]).await {
            // feature_not_supported: a PostgreSQL that was built without XML
            Err(error)
                if way.contains("xml") && error.code().is_some_and(|state| state.code() == "0A000") =>
            {
                vec![]
            }
            outcome => outcome.unwrap_or_else(|error| panic!("{way}: {error:?}")),
        };
        home.login.batch_execute("rollback").await.expect("an end");

        let seen: Vec<Option<String>> = rows.iter().map(|row| row.get(0)).collect();
        assert!(seen.iter().flatten().all(|owner| owner == "bob"), "{way}: {seen:?}");
    }
}

#[tokio::test]
async fn a_copy_of_the_table_holds_ones_own_rows_alone() {
    let home = Home::new().await;

    // COPY as psql's \copy does it, kept in a table instead of sent.
    let copied = "
        create temp table kept (line text);
        do $$ begin
            insert into kept select t::text from app.tasks t;
        end $$";
    begin_as(&home.login, "bob").await;
    home.login.batch_execute(copied).await.expect("a copy");

    let owners = texts(&home.login, "select split_part(line, ',', 2) from kept").await;
    assert_eq!(owners, ["bob", "bob"]);
}

#[tokio::test]
async fn copying_out_of_the_database_sends_ones_own_rows_alone() {
    use futures_util::TryStreamExt;
    let home = Home::new().await;

    begin_as(&home.login, "bob").await;
    let stream = home.login.copy_out("copy app.tasks (user_id) to stdout").await.expect("a copy");
    let chunks: Vec<bytes::Bytes> = stream.try_collect().await.expect("lines");

    assert_eq!(chunks.concat(), b"bob\nbob\n");
}

/// A function that tells what it sees, and claims to cost nothing, so that the planner would like to call it first.
#[tokio::test]
async fn a_cheap_function_that_tells_what_it_sees_is_not_called_before_the_policy() {
    let home = Home::new().await;
    let spy = "
        create temp table seen (owner text);
        create function pg_temp.spy(owner text) returns boolean language plpgsql cost 0.0000001 as $$
        begin
            insert into pg_temp.seen values (owner);
            return true;
        end $$;
        do $$ begin perform from app.tasks where pg_temp.spy(user_id); end $$";

    begin_as(&home.login, "bob").await;
    home.login.batch_execute(spy).await.expect("a spy");

    assert_eq!(texts(&home.login, "select distinct owner from seen").await, ["bob"]);
}

#[tokio::test]
async fn a_function_can_not_be_declared_leakproof() {
    let home = Home::new().await;

    let spy = "create function pg_temp.spy(t text) returns boolean language sql leakproof return true";

    assert_eq!(home.bob_runs(spy).await, "42501");
}

/// `MERGE` reads every row it is told to; it may say that there are others, and changes none.
#[tokio::test]
async fn a_merge_changes_nothing_of_another_users() {
    let home = Home::new().await;
    let before = home.stored("alice").await;
    let merges = [
        "merge into app.tasks t using (values (1)) v on true when matched then delete",
        "merge into app.tasks t using (values (1)) v on true when matched then update set title = 'mine'",
        "merge into app.tasks t using (values ('alice')) v (u) on t.user_id = v.u when matched then delete",
    ];

    for merge in merges {
        home.bob_runs(merge).await;
        assert_eq!(home.stored("alice").await, before, "{merge}");
    }
}

/// `row_security = off` means "fail rather than filter", not "do not filter".
#[tokio::test]
async fn switching_row_security_off_raises_an_error() {
    let home = Home::new().await;
    let ways = [
        "set local row_security = off; table app.tasks",
        "select set_config('row_security', 'off', true); update app.tasks set completed = true",
        "do $$ begin set local row_security = off; perform from app.tasks; end $$",
    ];

    for way in ways {
        assert_eq!(home.bob_runs(way).await, "42501", "{way}");
    }
}

#[tokio::test]
async fn an_anonymous_block_is_bound_like_any_statement() {
    let home = Home::new().await;
    let before = home.stored("alice").await;

    let block =
        "do $$ begin execute 'delete from app.tasks'; execute 'update app.tasks set title = ''x'''; end $$";

    assert_eq!(home.bob_runs(block).await, "00000");
    assert_eq!(home.stored("alice").await, before);
}

#[tokio::test]
async fn a_row_of_another_users_is_never_waited_for() {
    let home = Home::new().await;
    let hold = format!("begin; select from app.tasks where id = {} for update", home.alices[0]);
    home.admin.batch_execute(&hold).await.expect("a lock");

    begin_as(&home.login, "bob").await;
    let find = "select user_id from app.tasks where id = $1 for update nowait";
    let rows = home.login.query(find, &[&home.alices[0]]).await;

    // With NOWAIT a row that is found and locked is 55P03.
    assert_eq!(rows.expect("no wait").len(), 0);
}

#[tokio::test]
async fn an_error_about_ones_own_row_does_not_print_it() {
    let home = Home::new().await;

    begin_as(&home.login, "bob").await;
    let broken =
        home.login.execute("update app.tasks set title = ' '", &[]).await.expect_err("a rule is broken");

    let error = broken.as_db_error().expect("the server's error");
    assert_eq!((error.constraint(), error.detail()), (Some("tasks_title_blank"), None));
    assert_eq!(state::<()>(Err(broken)), "23514");
}
