//! `LIST_ENVELOPE` puts the lists of a contract into JSON objects.

use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use serde_json::{Value, json};

use super::contracts::{CONTRACTS, Contract, TASKS, USER_TASKS, V1_TASKS};
use super::links::next;
use crate::world::{Answer, Person, SECRET, Server, World};

const ENVELOPES: (&str, &str) =
    ("LIST_ENVELOPE", "user_tasks=tasks,count; tasks=items,total; v1_tasks=items,total,limit,offset");

/// A server with envelopes, and one without them on the same database.
async fn worlds() -> (World, Server) {
    let world = World::with(&[ENVELOPES]).await;
    let url = world.database.url("rowkeep_login");
    let bare = Server::start(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await;
    (world, bare.expect("a server"))
}

/// Alice has as many tasks. Every third is completed, every second title has `milk`.
async fn fill(world: &World, tasks: usize) {
    let insert = format!(
        "insert into app.tasks (user_id, title, completed)
         select 'alice', case n % 2 when 0 then 'milk' else 'tea' end, n % 3 = 0 from generate_series(1, {tasks}) n"
    );
    world.database.superuser().await.batch_execute(&insert).await.expect("tasks");
}

fn text(answer: &Answer) -> &str {
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    std::str::from_utf8(&answer.body).expect("UTF-8")
}

/// The names of the list and of the number.
fn names(contract: &Contract) -> (&'static str, &'static str) {
    if contract.to_string() == USER_TASKS.to_string() { ("tasks", "count") } else { ("items", "total") }
}

#[tokio::test]
async fn an_envelope_holds_the_array_to_the_byte_and_then_the_number_of_its_tasks() {
    let (world, bare) = worlds().await;
    let (alice, without) = (world.user("alice"), Person::new(bare.address, "alice"));
    for tasks in [0, 6, 2500] {
        fill(&world, tasks).await;
        for contract in [USER_TASKS, TASKS] {
            for query in ["", "?status=pending", "?status=completed"] {
                let path = format!("{}{query}", contract.tasks(&alice));
                let array = without.get(&path).await;

                let answer = alice.get(&path).await;

                let (list, number) = names(&contract);
                let wanted = format!("{{\"{list}\":{},\"{number}\":{}}}", text(&array), array.ids().len());
                assert_eq!(text(&answer), wanted, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn the_number_of_a_page_is_that_of_the_whole_filtered_list() {
    let (world, bare) = worlds().await;
    let (alice, without) = (world.user("alice"), Person::new(bare.address, "alice"));
    for (tasks, query, number, limit, offset) in [
        (0, "", 0, 100, 0),
        (12, "", 12, 100, 0),
        (0, "?limit=5", 12, 5, 0),
        (0, "?limit=5&offset=10", 12, 5, 10),
        (0, "?skip=100", 12, 100, 100),
        (0, "?page=3&size=2", 12, 2, 4),
        (0, "?status=completed&limit=1", 4, 1, 0),
        (0, "?completed=false&sort=title", 8, 100, 0),
        (0, "?q=milk&limit=2&count=true", 6, 2, 0),
        (0, "?q=milk&status=completed&count=false", 2, 100, 0),
        (0, "?q=none", 0, 100, 0),
    ] {
        fill(&world, tasks).await;
        let path = format!("/api/v1/tasks{query}");
        let array = without.get(&path).await;

        let answer = alice.get(&path).await;

        let wanted = format!(
            "{{\"items\":{},\"total\":{number},\"limit\":{limit},\"offset\":{offset}}}",
            text(&array)
        );
        assert_eq!(text(&answer), wanted, "{path}");
        // The envelope changes nothing else about the contract.
        assert_eq!(answer.header("x-total-count"), array.header("x-total-count"), "{path}");
    }
}

#[tokio::test]
async fn limit_and_offset_are_null_in_a_page_that_a_cursor_began() {
    let world = World::with(&[ENVELOPES]).await;
    let alice = world.user("alice");
    fill(&world, 6).await;

    let mut path = Some("/api/v1/tasks?limit=2&q=t".to_owned());
    let (mut pages, mut listed) = (0, 0);
    while let Some(address) = path {
        let answer = alice.get(&address).await;
        let page = answer.json();
        pages += 1;
        listed += page["items"].as_array().expect("a list").len();

        let (limit, offset) = if pages == 1 { (json!(2), json!(0)) } else { (Value::Null, Value::Null) };
        assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(3), &limit, &offset), "{page}");
        path = next(&answer);
    }
    assert_eq!((pages, listed), (2, 3));
}

#[tokio::test]
async fn limit_and_offset_are_there_only_if_they_are_named() {
    let world = World::with(&[("LIST_ENVELOPE", "v1_tasks=results,count")]).await;
    let alice = world.user("alice");

    let page = alice.get("/api/v1/tasks?limit=7").await;

    assert_eq!(text(&page), r#"{"results":[],"count":0}"#);
}

#[tokio::test]
async fn contracts_that_the_setting_does_not_name_answer_with_arrays() {
    for (entry, enveloped) in
        [("user_tasks=a,b", USER_TASKS), ("tasks=a,b", TASKS), ("v1_tasks=a,b", V1_TASKS)]
    {
        let world = World::with(&[("LIST_ENVELOPE", entry)]).await;
        let alice = world.user("alice");

        for contract in CONTRACTS {
            let answer = alice.get(&contract.tasks(&alice)).await;

            let has_envelope = contract.to_string() == enveloped.to_string();
            let wanted = if has_envelope { r#"{"a":[],"b":0}"# } else { "[]" };
            assert_eq!(text(&answer), wanted, "{entry} {contract}");
        }
    }
}

/// Tasks are created and deleted between the pages of a list, which are transactions of their own.
#[tokio::test]
async fn the_number_is_exact_for_what_was_sent_while_others_create_and_delete() {
    let world = World::with(&[ENVELOPES]).await;
    let alice = world.user("alice");
    fill(&world, 1500).await;
    let admin = world.database.superuser().await;
    let is_done = AtomicBool::new(false);

    let changes = async {
        let mut round = 0;
        while !is_done.load(Ordering::Relaxed) {
            round += 1;
            let change = format!(
                "insert into app.tasks (user_id, title) select 'alice', 'milk' from generate_series(1, 40);
                 delete from app.tasks where user_id = 'alice' and hashint8(id) % 50 = {}",
                round % 50
            );
            admin.batch_execute(&change).await.expect("a change");
        }
    };
    let lists = async {
        let mut numbers = Vec::new();
        for contract in CONTRACTS.iter().cycle().take(12) {
            let page = alice.get(&(contract.tasks(&alice) + "?limit=1000&q=milk")).await.json();
            let (list, number) = names(contract);
            let listed = page[list].as_array().expect("a list").len() as u64;
            numbers.push((contract.to_string(), listed, page[number].as_u64().expect("a number")));
        }
        is_done.store(true, Ordering::Relaxed);
        numbers
    };
    let ((), numbers) = tokio::join!(changes, lists);

    let is_full_page = |contract: &str, listed: u64| contract == V1_TASKS.to_string() && listed == 1000;
    for (contract, listed, number) in &numbers {
        assert!(number == listed || is_full_page(contract, *listed), "{numbers:?}");
    }
    assert!(numbers.iter().any(|(_, _, number)| *number != numbers[0].2), "nothing changed: {numbers:?}");
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let world = World::with(&[ENVELOPES]).await;
    let alice = world.user("alice");
    for tasks in [3, 400] {
        fill(&world, tasks).await;
        for contract in CONTRACTS {
            let path = contract.tasks(&alice);

            let (get, head) = (alice.get(&path).await, alice.call(Method::HEAD, &path).await);

            assert!(head.body.is_empty(), "{contract}");
            let headers = |answer: Answer| answer.without_date().1;
            // The cursor of a Link is encrypted anew each time.
            let (mut get, mut head) = (headers(get), headers(head));
            // A response without a body has no transfer coding.
            get.remove("transfer-encoding");
            assert_eq!(get.remove("link").is_some(), head.remove("link").is_some(), "{contract}");
            assert_eq!(head, get, "{contract} {tasks}");
        }
    }
}
