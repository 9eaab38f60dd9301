//! What the role of requests may do in vain.

use super::support::{Home, begin_as, files, state, texts};

/// A table of one's own with the same name is never the one that a question means.
#[tokio::test]
async fn a_temporary_table_of_the_same_name_catches_no_question() {
    let home = Home::new().await;
    let shadow = "create temp table tasks (like app.tasks); set local search_path = pg_temp, app";

    begin_as(&home.login, "bob").await;
    home.login.batch_execute(shadow).await.expect("a shadow");
    let mut questions = files("sql/tasks").into_iter();
    let (_, create) = questions.find(|(name, _)| name == "create").expect("a question that creates");
    home.login.query(&create, &[&"mine", &None::<String>]).await.expect("a task");

    assert_eq!(texts(&home.login, "select title from pg_temp.tasks").await, [""; 0]);
    assert_eq!(texts(&home.login, "select title from app.tasks where title = 'mine'").await, ["mine"]);
}

#[tokio::test]
async fn another_users_task_can_not_be_referenced() {
    let home = Home::new().await;
    let role = format!("builder_{}", home.database.name);
    let make = format!(
        "create role {role} login; grant rowkeep_api to {role};
         create schema {role} authorization {role}"
    );
    home.admin.batch_execute(&make).await.expect("a schema of one's own");
    let client = home.database.client(&role).await;

    let table = format!(
        "create table {role}.notes (user_id text, id bigint, foreign key (user_id, id) references app.tasks)"
    );
    let outcome = client.batch_execute(&table).await;

    assert_eq!(state(outcome), "42501");
}

#[tokio::test]
async fn leaving_the_role_gains_nothing() {
    let home = Home::new().await;

    for leave in ["reset role", "set role none", "reset all", "discard all", "reset session authorization"] {
        let client = home.database.client("rowkeep_login").await;
        client.batch_execute(leave).await.expect(leave);
        assert_eq!(texts(&client, "select user_id from app.tasks").await, [""; 0], "{leave}");

        begin_as(&client, "bob").await;
        assert_eq!(texts(&client, "select user_id from app.tasks").await, ["bob", "bob"], "{leave}");
    }
}
