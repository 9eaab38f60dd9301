//! A walk through all routes of a real server. It brings about every answer, and compares each with the document.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use rowkeep::session::connect_once;
use serde_json::Value;

use super::description::{Description, Operation};
use super::requests::Valid;
use crate::world::{Answer, SECRET, Server, World};

/// What the walk has seen.
#[derive(Default)]
struct Seen {
    answers: BTreeMap<(String, u16), Vec<Answer>>,
    /// What is not as the document says.
    faults: Vec<String>,
}

impl Seen {
    fn add(&mut self, description: &Description, operation: &Operation, label: &str, answer: Answer) {
        let faults = description.faults(operation, &answer);
        self.faults
            .extend(faults.iter().map(|fault| format!("{} {label}: {fault}: {answer:?}", operation.id())));
        self.answers.entry((operation.id().to_owned(), answer.status())).or_default().push(answer);
    }
}

/// Sends valid requests of all operations, at the same time.
async fn send_all(
    operations: &[Operation],
    person: &crate::world::Person,
    ids: &BTreeMap<String, String>,
) -> Vec<Answer> {
    join_all(operations.iter().map(async |operation| {
        let id = ids.get(operation.id()).cloned().unwrap_or_default();
        Valid { operation, person, id }.succeeds().await
    }))
    .await
}

async fn walk(world: &World) -> (Description, Seen) {
    let alice = world.user("alice");
    let description = Description::of(&alice).await;
    let operations = description.operations();
    let mut seen = Seen::default();

    for answers in join_all(operations.iter().map(async |operation| {
        let mut answers = Valid::new(operation, &alice).await.refusals(world).await;
        answers.push(("valid", Valid::new(operation, &alice).await.succeeds().await));
        (operation, answers)
    }))
    .await
    {
        for (label, answer) in answers.1 {
            seen.add(&description, answers.0, label, answer);
        }
    }

    let (with_token, without): (Vec<_>, Vec<_>) = operations.into_iter().partition(Operation::needs_token);
    let mut ids = BTreeMap::new();
    for operation in &with_token {
        ids.insert(operation.id().to_owned(), Valid::new(operation, &alice).await.id);
    }

    // Another server, which allows two requests at once and one per second.
    let url = world.database.url("rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("RATE_LIMIT", "1")];
    let limited = Server::start(&settings).await.expect("a server");
    let impatient = crate::world::Person::new(limited.address, "alice");
    for _ in 0..3 {
        impatient.get("/api/tasks/0").await;
    }
    for (operation, answer) in with_token.iter().zip(send_all(&with_token, &impatient, &ids).await) {
        seen.add(&description, operation, "limited", answer);
    }

    let mut admin = world.database.superuser().await;
    let lock = admin.transaction().await.expect("a transaction");
    lock.batch_execute("lock table app.tasks in access exclusive mode").await.expect("a lock");
    for (operation, answer) in with_token.iter().zip(send_all(&with_token, &alice, &ids).await) {
        seen.add(&description, operation, "locked", answer);
    }
    drop(lock);

    admin.batch_execute("revoke all on app.tasks from rowkeep_api").await.expect("no privileges");
    for (operation, answer) in with_token.iter().zip(send_all(&with_token, &alice, &ids).await) {
        seen.add(&description, operation, "without privileges", answer);
    }
    let outside = crate::world::cluster().await.address("postgres").expect("an address");
    let outside = connect_once(&outside).await.expect("a connection");
    let name = &world.database.name;
    let close = format!(
        "alter database {name} allow_connections false;
         select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"
    );
    outside.batch_execute(&close).await.expect("a database out of reach");
    // A result that is younger than a second is used again.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for (operation, answer) in without.iter().zip(send_all(&without, &alice, &ids).await) {
        seen.add(&description, operation, "without a database", answer);
    }
    (description, seen)
}

#[tokio::test]
async fn every_answer_is_in_the_openapi_document_and_every_status_of_it_is_answered() {
    let world = World::with(&[("REQUEST_TIMEOUT", "3")]).await;

    let (description, seen) = walk(&world).await;

    assert!(seen.faults.is_empty(), "{:#?}", seen.faults);
    let documented: BTreeSet<_> = description
        .operations()
        .iter()
        .flat_map(|operation| {
            operation
                .statuses()
                .into_iter()
                .map(|status| (operation.id().to_owned(), status))
                .collect::<Vec<_>>()
        })
        .collect();
    let answered: BTreeSet<_> = seen.answers.keys().cloned().collect();
    assert_eq!(answered, documented);
    assert_examples_are_real(&description, &seen);
}

/// Asserts that the server has given each example as an answer, but for what differs from run to run.
fn assert_examples_are_real(description: &Description, seen: &Seen) {
    // Several operations share an error response: one of them has given the example.
    let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut examples: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in description.operations() {
        for status in operation.statuses() {
            let shared = operation.value["responses"][status.to_string()]["$ref"].as_str();
            let key = shared.map_or_else(|| format!("{} {status}", operation.id()), str::to_owned);
            let given = seen.answers.get(&(operation.id().to_owned(), status)).into_iter().flatten();
            let is_json = |answer: &&Answer| answer.header("content-type") == "application/json";
            answers
                .entry(key.clone())
                .or_default()
                .extend(given.filter(is_json).map(|answer| masked(&answer.json())));

            let response = description.response(&operation, status).expect("a response");
            let media = &response["content"]["application/json"];
            let many = media["examples"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.values())
                .map(|one| &one["value"]);
            let of_operation = many.chain(media.get("example")).map(masked);
            examples.entry(key).or_default().extend(of_operation);
        }
    }
    for (key, examples) in examples {
        for example in examples {
            // A list has all tasks of the walk, and an example has one.
            let is_list = example.starts_with('[');
            let is_given = |answer: &String| *answer == example || is_list && answer.starts_with('[');
            assert!(answers[&key].iter().any(is_given), "{key}: {example} is not among {:?}", answers[&key]);
        }
    }
}

/// A JSON text without ids, times, and numbers in errors.
fn masked(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        for (name, value) in members.iter_mut() {
            if matches!(name.as_str(), "id" | "created_at" | "updated_at") {
                *value = "(differs)".into();
            } else if let Some(text) = value.as_str() {
                *value = text
                    .chars()
                    .map(|c| if c.is_ascii_digit() { '0' } else { c })
                    .collect::<String>()
                    .replace("00", "0")
                    .replace("00", "0")
                    .into();
            }
        }
    }
    value.to_string()
}
