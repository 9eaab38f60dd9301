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

/// pgaudit logs the statements on a table that the role of `pgaudit.role` could run: without its privileges the log stops.
#[tokio::test]
async fn applying_the_policies_again_leaves_the_privileges_that_tell_pgaudit_what_to_log() {
    let fixture = Fixture::new().await;
    let name = &fixture.database.name;
    let make = format!(
        "create role auditing_{name}; create role other_{name};
         alter database {name} set pgaudit.role = 'auditing_{name}';
         grant select, delete on app.tasks to auditing_{name}, other_{name};
         grant update (title) on app.tasks to auditing_{name}, other_{name}"
    );
    fixture.admin.batch_execute(&make).await.expect("roles");

    rowkeep::schema::migrate(&fixture.database.address("postgres"), true).await.expect("the policies");

    for (role, kept) in [("auditing", true), ("other", false)] {
        let has = format!(
            "select has_table_privilege('{role}_{name}', 'app.tasks', 'select')
                    and has_table_privilege('{role}_{name}', 'app.tasks', 'delete')
                    and has_column_privilege('{role}_{name}', 'app.tasks', 'title', 'update')"
        );
        let row = fixture.admin.query_one(&has, &[]).await.expect("privileges");
        assert_eq!(row.get::<_, bool>(0), kept, "{role}");
    }
}
