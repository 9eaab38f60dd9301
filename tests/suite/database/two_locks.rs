//! Every question is safe with either lock taken away: the policy alone holds, and `user_id = $1` alone holds.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::support::{Home, begin_as, files, state};

type Values = Vec<Box<dyn ToSql + Sync + Send>>;

/// What comes after the user in `sql/tasks/<name>.sql`, for the task `id`.
fn values(name: &str, id: i64) -> Values {
    match name {
        "list" | "list_completed" | "list_pending" => vec![Box::new(None::<i64>), Box::new(0_i64)],
        "read" | "delete" | "toggle" => vec![Box::new(id)],
        "complete" => vec![Box::new(id), Box::new(true)],
        "replace" => vec![
            Box::new(id),
            Box::new("replaced"),
            Box::new(true),
            Box::new(Some("replaced")),
            Box::new(Some(true)),
        ],
        "create" => vec![Box::new("created"), Box::new(None::<String>)],
        other => panic!(
            "sql/tasks/{other}.sql is new: say here how it is asked, or nothing proves that it is safe"
        ),
    }
}

/// Every question but the one that creates, which names no user.
fn questions() -> Vec<(String, String)> {
    files("sql/tasks").into_iter().filter(|(name, _)| name != "create").collect()
}

async fn ask(client: &Client, sql: &str, user: &str, values: &Values) -> Result<Vec<Row>, Error> {
    let user: &(dyn ToSql + Sync) = &user;
    let mut bound = vec![user];
    bound.extend(values.iter().map(|value| &**value as &(dyn ToSql + Sync)));
    client.query(sql, &bound).await
}

/// Whose rows an answer shows; of `delete`, which answers with the id alone, the id's owner.
fn owners(home: &Home, rows: &[Row]) -> Vec<String> {
    rows.iter()
        .map(|row| match row.try_get("user_id") {
            Ok(user) => user,
            Err(_) if home.bobs.contains(&row.get("id")) => "bob".into(),
            Err(_) => "not bob".into(),
        })
        .collect()
}

#[tokio::test]
async fn every_question_answers_the_user_it_is_asked_for() {
    let home = Home::new().await;

    for (name, sql) in questions() {
        begin_as(&home.login, "alice").await;
        let rows = ask(&home.login, &sql, "alice", &values(&name, home.alices[0])).await.expect(&name);
        home.login.batch_execute("rollback").await.expect("an end");

        assert!(!rows.is_empty(), "{name} shows its own user nothing, so it proves nothing about others");
    }
}

#[tokio::test]
async fn the_policy_alone_keeps_every_question_from_another_users_rows() {
    let home = Home::new().await;
    let before = home.stored("alice").await;

    for (name, sql) in questions() {
        for id in home.alices {
            begin_as(&home.login, "bob").await;
            let rows = ask(&home.login, &sql, "alice", &values(&name, id)).await.expect(&name);
            home.login.batch_execute("commit").await.expect("a commit");

            assert!(rows.is_empty(), "{name} showed bob a row of alice's");
            assert_eq!(home.stored("alice").await, before, "{name} changed a row of alice's");
        }
    }
}

#[tokio::test]
async fn the_filter_alone_keeps_every_question_from_another_users_rows() {
    let home = Home::new().await;
    let before = home.stored("alice").await;
    home.admin.batch_execute("alter table app.tasks disable row level security").await.expect("no lock");

    for (name, sql) in questions() {
        for id in [home.alices, home.bobs].concat() {
            begin_as(&home.login, "bob").await;
            let rows = ask(&home.login, &sql, "bob", &values(&name, id)).await.expect(&name);
            home.login.batch_execute("rollback").await.expect("an end");
            assert!(owners(&home, &rows).iter().all(|owner| owner == "bob"), "{name} of {id}: {rows:?}");

            // Once more as somebody whom neither policy nor grant stops, and for good.
            if home.alices.contains(&id) {
                ask(&home.admin, &sql, "bob", &values(&name, id)).await.expect(&name);
                assert_eq!(home.stored("alice").await, before, "{name} changed a row of alice's");
            }
        }
    }
}

/// What a pipelined question meets when its BEGIN has failed: no transaction, no identity, and the login's own rights.
#[tokio::test]
async fn a_question_outside_any_transaction_reaches_the_bound_users_rows_alone() {
    let home = Home::new().await;
    let login = format!("bypass_{}", home.database.name);
    let make = format!("create role {login} login bypassrls; grant rowkeep_api to {login}");
    home.admin.batch_execute(&make).await.expect("a login");
    let client = home.database.client(&login).await;
    let before = home.stored("alice").await;

    for (name, sql) in questions() {
        let all = client.query("select from app.tasks where user_id = 'alice'", &[]).await.expect("rows");
        assert_eq!(all.len(), 2, "the login is bound by policies: this proves nothing");

        let rows = ask(&client, &sql, "bob", &values(&name, home.alices[0])).await.expect(&name);

        assert!(owners(&home, &rows).iter().all(|owner| owner == "bob"), "{name}: {rows:?}");
        assert_eq!(home.stored("alice").await, before, "{name} changed a row of alice's");
    }
}

#[tokio::test]
async fn a_create_outside_any_transaction_creates_nothing() {
    let home = Home::new().await;
    let create = create();

    let outcome = home.admin.query(&create, &[&"whose?", &None::<String>]).await;

    // not_null_violation: nobody's id is null, and there is no column to name another.
    assert_eq!(state(outcome), "23502");
}

#[tokio::test]
async fn a_created_task_belongs_to_the_user_of_the_transaction() {
    let home = Home::new().await;

    begin_as(&home.login, "bob").await;
    let row = home.login.query_one(&create(), &[&"mine", &None::<String>]).await.expect("a task");

    assert_eq!(row.get::<_, &str>("user_id"), "bob");
}

#[tokio::test]
async fn a_created_task_belongs_to_the_user_of_the_transaction_without_row_security() {
    let home = Home::new().await;
    home.admin.batch_execute("alter table app.tasks disable row level security").await.expect("no lock");

    begin_as(&home.login, "bob").await;
    let row = home.login.query_one(&create(), &[&"mine", &None::<String>]).await.expect("a task");

    assert_eq!(row.get::<_, &str>("user_id"), "bob");
}

#[tokio::test]
async fn a_wrong_default_for_the_user_is_caught_by_the_policy() {
    let home = Home::new().await;
    let wrong = "alter table app.tasks alter column user_id set default 'alice'";
    home.admin.batch_execute(wrong).await.expect("a wrong default");
    let before = home.stored("alice").await;

    begin_as(&home.login, "bob").await;
    let outcome = home.login.query(&create(), &[&"yours", &None::<String>]).await;
    home.login.batch_execute("commit").await.expect("an end");

    assert_eq!(state(outcome), "42501");
    assert_eq!(home.stored("alice").await, before);
}

#[tokio::test]
async fn a_create_can_not_name_its_user_even_without_row_security() {
    let home = Home::new().await;
    home.admin.batch_execute("alter table app.tasks disable row level security").await.expect("no lock");

    for user in ["alice", "bob"] {
        let insert = format!("insert into app.tasks (user_id, title) values ('{user}', 'x')");
        assert_eq!(home.bob_runs(&insert).await, "42501", "{insert}");
    }
}

fn create() -> String {
    let mut files = files("sql/tasks").into_iter();
    files.find(|(name, _)| name == "create").expect("a question that creates").1
}
