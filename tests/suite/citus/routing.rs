//! Each statement of a request goes to one shard, and the identity with it.

use rowkeep::session::{NODE_STATEMENTS, ParameterType, connect_once};
use rowkeep::tasks;
use tokio_postgres::types::ToSql;

use super::{with_tasks, world};
use crate::database::support::begin_as;
use crate::world::Citus;

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn every_statement_of_a_request_is_one_task() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let client = database.client("rowkeep_login").await;
    let settings = "select set_config('citus.propagate_set_commands', 'local', false), set_config('search_path', '', false)";
    client.batch_execute(settings).await.expect("settings");

    for query in tasks::QUERIES {
        let statement = query.statement();
        begin_as(&client, "user1").await;
        let types = statement.parameter_types;
        let values = types.iter().enumerate().map(|(at, kind)| match kind {
            ParameterType::Text if at == 0 && statement.name != "tasks/create" => "'user1'",
            ParameterType::Text => "'x'",
            ParameterType::Bigint => "1",
            ParameterType::Integer => "1",
            ParameterType::Boolean => "true",
            ParameterType::Timestamptz => "now()",
            ParameterType::IntegerArray | ParameterType::TextArray => "'{}'",
        });
        let values: Vec<_> = values.collect();
        let mut text = statement.sql.to_owned();
        for (at, value) in values.iter().enumerate().rev() {
            let kind = types.get(at).map_or("text".into(), |kind| kind.driver_type().to_string());
            text = text.replace(&format!("${}", at + 1), &format!("({value}::{kind})"));
        }

        let rows = client.simple_query(&format!("explain {text}")).await;
        let rows = rows.unwrap_or_else(|error| panic!("{}: {error:?}", statement.name));
        let plan: Vec<String> = rows
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .collect();
        client.batch_execute("rollback").await.expect("the end");

        let plan = plan.join("\n");
        assert!(
            plan.contains("Task Count: 1\n") || plan.ends_with("Task Count: 1"),
            "{}: {plan}",
            statement.name
        );
        assert!(!plan.contains("Distributed Subplan"), "{}: {plan}", statement.name);
    }
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn every_statement_for_nodes_declares_the_parameter_types_that_postgres_infers() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let client = database.client("rowkeep_login").await;

    for statement in NODE_STATEMENTS {
        let inferred = client.prepare(statement.sql).await.expect(statement.name);

        let declared: Vec<_> = statement.parameter_types.iter().map(|kind| kind.driver_type()).collect();
        assert_eq!(declared, inferred.params(), "{}", statement.name);
    }
}

/// The setting that sends the identity on belongs to the transaction where other programs get the connection after it.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_transaction_with_settings_of_its_own_sends_the_identity_on_and_leaves_nothing() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let client = connect_once(&database.address("rowkeep_login")).await.expect("a connection");
    let settings = include_str!("../../../sql/session/settings.sql");
    let limits: [&(dyn ToSql + Sync); 4] = [&true, &"5000", &"2000", &"10000"];

    for user in ["user1", "user2", "nobody"] {
        client.batch_execute("begin").await.expect("a transaction");
        client.query(settings, &limits).await.expect("settings");
        client.query("select app.identify($1)", &[&user]).await.expect("an identity");
        let rows = client.query("select distinct user_id from app.tasks", &[]).await.expect("rows");
        client.batch_execute("commit").await.expect("a commit");

        let seen: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let expected: &[&str] = if user == "nobody" { &[] } else { &[user] };
        assert_eq!(seen, expected);
        let left = client.query_one("select current_setting('citus.propagate_set_commands')", &[]).await;
        assert_eq!(left.expect("a setting").get::<_, String>(0), "none");
        assert!(client.query("select from app.tasks limit 1", &[]).await.expect("no rows").is_empty());
    }
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn lists_in_every_order_and_with_every_filter_are_answered() {
    let Some((_citus, world)) = world().await else { return };
    let user = world.user("user1");

    for sort in ["", "created_at", "-created_at", "title", "-title", "updated_at", "-updated_at"] {
        for search in ["", "TASK", "nothing"] {
            for rest in ["", "&count=true", "&completed=false", "&completed=true&count=true"] {
                let path = format!("/api/v1/tasks?limit=3&sort={sort}&q={search}{rest}");
                let answer = user.get(&path.replace("sort=&", "&").replace("q=&", "&")).await;
                assert_eq!(answer.status(), 200, "{path}: {:?}", world.server.log());
            }
        }
    }
}
