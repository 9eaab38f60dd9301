//! A cached plan serves each user their own rows, whichever user ran it before.

use std::fmt::Write;

use crate::database::support::{Fixture, begin_as, texts};
use crate::world::Database;

#[tokio::test]
async fn a_prepared_statement_serves_each_user_their_own_rows() {
    for mode in ["force_generic_plan", "force_custom_plan", "auto"] {
        let fixture = Fixture::new().await;
        let set = format!("set plan_cache_mode = {mode}");
        fixture.login.batch_execute(&set).await.expect("a setting");
        let everything = fixture.login.prepare("select user_id from app.tasks").await.expect("a statement");

        // Postgres considers a generic plan after five runs.
        let mut seen = String::new();
        for user in ["alice", "bob"].repeat(10) {
            begin_as(&fixture.login, user).await;
            let rows = fixture.login.query(&everything, &[]).await.expect("rows");
            fixture.login.batch_execute("commit").await.expect("an end");
            let owners: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(owners, [user; 2], "{mode}, after {seen}");
            write!(seen, "{user} ").expect("a string grows");
        }

        let without_identity = fixture.login.query(&everything, &[]).await.expect("rows");
        assert_eq!(without_identity.len(), 0, "{mode}: a session without an identity sees rows");
    }
}

#[tokio::test]
async fn a_prepared_create_serves_each_user_in_turn() {
    let fixture = Fixture::new().await;
    fixture.login.batch_execute("set plan_cache_mode = force_generic_plan").await.expect("a setting");
    let insert = "insert into app.tasks (title) values ('x') returning user_id";
    let insert = fixture.login.prepare(insert).await.expect("a statement");

    for user in ["alice", "bob"].repeat(4) {
        begin_as(&fixture.login, user).await;
        let row = fixture.login.query_one(&insert, &[]).await.expect("a task");
        fixture.login.batch_execute("commit").await.expect("an end");
        assert_eq!(row.get::<_, &str>(0), user);
    }
}

/// PostgreSQL plans all statements of a `language sql` function before the first one runs, so as the role of the caller.
#[tokio::test]
async fn the_function_that_sets_the_role_is_planned_one_statement_at_a_time() {
    let database = Database::new().await;
    let switches = "
        select p.proname || ' is ' || l.lanname
          from pg_proc p join pg_language l on l.oid = p.prolang
         where p.pronamespace = 'app'::regnamespace and p.prosrc ~* 'set\\s+(local\\s+)?role'";

    let found = texts(&database.superuser().await, switches).await;

    assert_eq!(found, ["identify is plpgsql"]);
}

#[tokio::test]
async fn policies_apply_to_a_login_with_bypassrls_as_soon_as_it_has_identified() {
    let fixture = Fixture::new().await;
    let everything = fixture.admin.prepare("select user_id from app.tasks").await.expect("a statement");
    let all = fixture.admin.query(&everything, &[]).await.expect("rows");
    assert_eq!(all.len(), 4, "the statement has been planned for a superuser");

    begin_as(&fixture.admin, "bob").await;
    let rows = fixture.admin.query(&everything, &[]).await.expect("rows");

    let owners: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, ["bob", "bob"]);
}
