//! A cached plan serves whoever comes next, and neither their rows nor their speed are those of the user before.

use std::fmt::Write;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::support::{Home, begin_as, files, texts};
use crate::world::Database;

/// One user with most of the rows, and five hundred with twenty each.
async fn a_whale_and_minnows() -> Database {
    let database = Database::new().await;
    let fill = "
        set session_replication_role = replica;
        insert into app.tasks (user_id, title, completed, created_at, updated_at)
        select case when n % 21 = 0 then 'minnow_' || (n / 21) % 500 else 'whale' end,
               'task ' || n, hashint4(n) % 3 = 0, now(), now()
          from generate_series(1, 210000) n;
        vacuum analyze app.tasks";
    for statement in fill.split(';') {
        database.superuser().await.batch_execute(statement).await.expect("rows");
    }
    database
}

/// The top of a plan, as EXPLAIN tells it in JSON.
async fn plan(client: &Client, explain: &str) -> serde_json::Value {
    let answer = client.simple_query(explain).await.expect("a plan");
    let text = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: serde_json::Value = serde_json::from_str(text.expect("a plan")).expect("JSON");
    plan[0]["Plan"].clone()
}

/// The buffers that an EXECUTE of a prepared statement touches, and the rows it finds.
async fn cost(client: &Client, execute: &str) -> (u64, u64) {
    let plan = plan(client, &format!("explain (analyze, buffers, format json) {execute}")).await;
    let number = |name: &str| plan[name].as_f64().expect("a number") as u64;
    (number("Shared Hit Blocks") + number("Shared Read Blocks"), number("Actual Rows"))
}

#[tokio::test]
async fn the_largest_users_plan_does_not_slow_the_smallest_users_questions() {
    let database = a_whale_and_minnows().await;
    let client = database.client("rowkeep_login").await;
    let lists = files("sql/tasks").into_iter().filter(|(name, _)| name.starts_with("list"));

    for (name, sql) in lists {
        client.batch_execute(&format!("prepare {name} as {sql}")).await.expect(&name);
        for user in ["whale", "whale", "whale", "whale", "whale", "whale", "whale", "minnow_7"] {
            begin_as(&client, user).await;
            let (buffers, rows) = cost(&client, &format!("execute {name}('{user}', 20, 0)")).await;
            client.batch_execute("commit").await.expect("an end");

            assert!(rows > 0, "{name} finds nothing of {user}'s");
            assert!(buffers <= 30 || user == "whale", "{name} reads {buffers} buffers for {rows} rows");
        }
    }
}

/// A stable function is asked for its value when rows are estimated, unless it stands in a sub-select.
#[tokio::test]
async fn a_plan_is_made_without_a_look_at_whose_it_is() {
    let database = a_whale_and_minnows().await;
    let client = database.client("rowkeep_login").await;

    let mut estimates = Vec::new();
    for user in ["whale", "minnow_7", "a user without tasks"] {
        begin_as(&client, user).await;
        estimates.push(
            plan(&client, "explain (format json) select title from app.tasks").await["Plan Rows"].clone(),
        );
        client.batch_execute("commit").await.expect("an end");
    }

    estimates.dedup();
    assert_eq!(estimates.len(), 1, "{estimates:?}");
}

/// Without `user_id = $1` there is the policy's condition alone.
#[tokio::test]
async fn the_policys_plan_does_not_depend_on_the_user_it_was_made_for() {
    let database = a_whale_and_minnows().await;
    let client = database.client("rowkeep_login").await;
    let count = "prepare completed as select count(*) from app.tasks where completed";
    let newest = "prepare newest as select title from app.tasks order by id desc limit 20";
    client.batch_execute(count).await.expect("a statement");
    client.batch_execute(newest).await.expect("a statement");

    for user in ["whale", "minnow_7"] {
        begin_as(&client, user).await;
        for name in ["completed", "newest"] {
            let (buffers, _) = cost(&client, &format!("execute {name}")).await;
            assert!(buffers <= 30 || user == "whale", "{name} reads {buffers} buffers for {user}");
        }
        client.batch_execute("commit").await.expect("an end");
    }
}

#[tokio::test]
async fn a_prepared_statement_serves_each_user_their_own_rows() {
    for mode in ["force_generic_plan", "force_custom_plan", "auto"] {
        let home = Home::new().await;
        let set = format!("set plan_cache_mode = {mode}");
        home.login.batch_execute(&set).await.expect("a setting");
        let everything = home.login.prepare("select user_id from app.tasks").await.expect("a statement");

        // More than five times: that is when Postgres begins to think of a generic plan.
        let mut seen = String::new();
        for user in ["alice", "bob"].repeat(10) {
            begin_as(&home.login, user).await;
            let rows = home.login.query(&everything, &[]).await.expect("rows");
            home.login.batch_execute("commit").await.expect("an end");
            let owners: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(owners, [user; 2], "{mode}, after {seen}");
            write!(seen, "{user} ").expect("a string grows");
        }

        let nobodys = home.login.query(&everything, &[]).await.expect("rows");
        assert_eq!(nobodys.len(), 0, "{mode}: nobody sees what was planned for somebody");
    }
}

#[tokio::test]
async fn a_prepared_create_serves_each_user_in_turn() {
    let home = Home::new().await;
    home.login.batch_execute("set plan_cache_mode = force_generic_plan").await.expect("a setting");
    let insert = "insert into app.tasks (title) values ('x') returning user_id";
    let insert = home.login.prepare(insert).await.expect("a statement");

    for user in ["alice", "bob"].repeat(4) {
        begin_as(&home.login, user).await;
        let row = home.login.query_one(&insert, &[]).await.expect("a task");
        home.login.batch_execute("commit").await.expect("an end");
        assert_eq!(row.get::<_, &str>(0), user);
    }
}

/// Statements of a `language sql` function are all planned before the first one runs: as whoever calls it.
#[tokio::test]
async fn the_function_that_takes_on_the_role_is_planned_a_statement_at_a_time() {
    let database = Database::new().await;
    let switches = "
        select p.proname || ' is ' || l.lanname
          from pg_proc p join pg_language l on l.oid = p.prolang
         where p.pronamespace = 'app'::regnamespace and p.prosrc ~* 'set\\s+(local\\s+)?role'";

    let found = texts(&database.superuser().await, switches).await;

    assert_eq!(found, ["identify is plpgsql"]);
}

#[tokio::test]
async fn a_login_that_bypasses_policies_is_bound_as_soon_as_it_has_identified() {
    let home = Home::new().await;
    let everything = home.admin.prepare("select user_id from app.tasks").await.expect("a statement");
    let all = home.admin.query(&everything, &[]).await.expect("rows");
    assert_eq!(all.len(), 4, "the statement has been planned for a superuser");

    begin_as(&home.admin, "bob").await;
    let rows = home.admin.query(&everything, &[]).await.expect("rows");

    let owners: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, ["bob", "bob"]);
}
