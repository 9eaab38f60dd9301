//! Before a starting server has reached its database, requests are refused in the same order as later.

use http::{HeaderValue, Method};
use serde_json::json;

use super::contracts::{CONTRACTS, Contract};
use crate::world::{Person, SECRET, Server, World, send};

/// A server that waits for a database that is not there.
async fn waiting_server() -> Server {
    let settings = [("DATABASE_URL", "postgres://u@127.0.0.1:9/d"), ("BETTER_AUTH_SECRET", SECRET)];
    Server::start_listening(&settings).await.expect("a server")
}

/// The statuses of the same faulty requests, of which none can be answered from the database.
async fn refusals(contract: &Contract, alice: &Person) -> Vec<(String, u16)> {
    let list = contract.tasks(alice);
    let other = list.replace("alice", "bob");
    let nobody = Person::with_token(alice.address, None);
    let mut requests = vec![
        (&nobody, Method::GET, list.clone(), "", "application/json"),
        (alice, Method::TRACE, list.clone(), "", "application/json"),
        (alice, Method::POST, list.clone(), "{", "application/json"),
        (alice, Method::POST, list.clone(), "{}", "application/json"),
        (alice, Method::POST, list.clone(), "{}", "text/plain"),
        (alice, Method::GET, format!("{list}?status=nonsense"), "", "application/json"),
        (alice, Method::GET, format!("{list}/abc/nothing"), "", "application/json"),
    ];
    if other != list {
        requests.push((alice, Method::GET, other, "", "application/json"));
    }
    for call in contract.calls {
        for id in ["abc", "0", "9223372036854775808"] {
            requests.push((
                alice,
                call.method.clone(),
                format!("{list}/{id}{}", call.after),
                call.body,
                "application/json",
            ));
        }
    }
    for call in contract.calls_with_body() {
        for (body, content_type) in
            [("{", "application/json"), ("[]", "application/json"), ("{}", "text/plain")]
        {
            requests.push((
                alice,
                call.method.clone(),
                format!("{list}/7{}", call.after),
                body,
                content_type,
            ));
        }
    }

    let mut statuses = Vec::new();
    for (person, method, path, body, content_type) in requests {
        let mut request = person.request(method.clone(), &path, body);
        request.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
        let status = send(person.address, request).await.status();
        statuses.push((format!("{method} {path} {body} {content_type}"), status));
    }
    statuses
}

#[tokio::test]
async fn what_can_be_refused_without_the_database_is_refused_alike_before_it_is_reached() {
    let (world, waiting) = (World::shared().await, waiting_server().await);

    for contract in &CONTRACTS {
        let with_database = refusals(contract, &world.user("alice")).await;
        let without = refusals(contract, &Person::new(waiting.address, "alice")).await;

        assert!(with_database.iter().all(|(_, status)| (400..500).contains(status)), "{with_database:?}");
        assert_eq!(without, with_database);
    }
}

#[tokio::test]
async fn what_needs_the_database_is_refused_at_once_before_it_is_reached() {
    let waiting = waiting_server().await;
    let alice = Person::new(waiting.address, "alice");

    for contract in CONTRACTS {
        let list = contract.tasks(&alice);
        contract.refuses(&alice.get(&list).await, 503, &list);
        contract.refuses(&alice.post(&list, json!({ "title": "one" })).await, 503, &list);
        for call in contract.calls {
            let path = call.path(&contract, &alice, "7");
            let answer = alice.send(call.method.clone(), &path, call.body).await;

            contract.refuses(&answer, 503, format!("{} {path}", call.method));
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        }
    }
}
