//! Statements that rowkeep_api may send, but that gain it nothing.

use super::support::{Fixture, begin_as, files, state, texts};

/// The queries name the schema, so they never use a temporary table of the same name.
#[tokio::test]
async fn no_query_uses_a_temporary_table_of_the_same_name() {
    let fixture = Fixture::new().await;
    let shadow = "create temp table tasks (like app.tasks); set local search_path = pg_temp, app";

    begin_as(&fixture.login, "bob").await;
    fixture.login.batch_execute(shadow).await.expect("a shadow");
    let mut queries = files("sql/tasks").into_iter();
    let (_, create) = queries.find(|(name, _)| name == "create").expect("a query that creates");
    fixture.login.query(&create, &[&"mine", &None::<String>, &false]).await.expect("a task");

    assert_eq!(texts(&fixture.login, "select title from pg_temp.tasks").await, [""; 0]);
    assert_eq!(texts(&fixture.login, "select title from app.tasks where title = 'mine'").await, ["mine"]);
}

#[tokio::test]
async fn another_users_task_cannot_be_referenced() {
    let fixture = Fixture::new().await;
    let role = format!("builder_{}", fixture.database.name);
    let make = format!(
        "create role {role} login; grant rowkeep_api to {role};
         create schema {role} authorization {role}"
    );
    fixture.admin.batch_execute(&make).await.expect("a schema");
    let client = fixture.database.client(&role).await;

    let table = format!(
        "create table {role}.notes (user_id text, id bigint, foreign key (user_id, id) references app.tasks)"
    );
    let outcome = client.batch_execute(&table).await;

    assert_eq!(state(outcome), "42501");
}

#[tokio::test]
async fn leaving_the_role_gains_nothing() {
    let fixture = Fixture::new().await;

    for leave in ["reset role", "set role none", "reset all", "discard all", "reset session authorization"] {
        let client = fixture.database.client("rowkeep_login").await;
        client.batch_execute(leave).await.expect(leave);
        assert_eq!(texts(&client, "select user_id from app.tasks").await, [""; 0], "{leave}");

        begin_as(&client, "bob").await;
        assert_eq!(texts(&client, "select user_id from app.tasks").await, ["bob", "bob"], "{leave}");
    }
}
