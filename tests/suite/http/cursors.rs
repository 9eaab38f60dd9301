//! A cursor is valid for the list it was made for, on every server of the same database.

mod encryption;

use serde_json::json;

use super::contracts::V1_TASKS;
use super::links::{cursor, list, next};
use crate::world::{Answer, Database, Person, SECRET, Server, World};

/// Creates four tasks, two of them completed.
async fn four_tasks(person: &Person) {
    for (title, completed) in [("milk", false), ("tea and milk", true), ("Milk", true), ("milk", false)] {
        let task = person.creates(json!({ "title": title })).await;
        let path = format!("/api/tasks/{}/complete", task["id"]);
        person.patch(&path, json!({ "completed": completed })).await;
    }
}

/// The cursor after the first task of a list.
async fn cursor_of(person: &Person, parameters: &[(&str, &str)]) -> String {
    cursor(&person.get(&list(&[parameters, &[("limit", "1")]].concat())).await)
}

async fn go_on(person: &Person, parameters: &[(&str, &str)], cursor: &str) -> Answer {
    person.get(&list(&[parameters, &[("cursor", cursor)]].concat())).await
}

/// Asserts that the cursor is refused as one that does not fit this list.
async fn refuses(person: &Person, parameters: &[(&str, &str)], cursor: &str, label: &str) {
    let answer = go_on(person, parameters, cursor).await;
    let nonsense = go_on(person, parameters, "nonsense").await;

    V1_TASKS.refuses(&answer, 422, label);
    assert_eq!(answer.without_date(), nonsense.without_date(), "{label}");
}

/// The parameters of lists that must not share cursors.
const LISTS: [&[(&str, &str)]; 12] = [
    &[],
    &[("sort", "id")],
    &[("sort", "title")],
    &[("sort", "-title")],
    &[("sort", "updated_at")],
    &[("sort", "-updated_at")],
    &[("status", "pending")],
    &[("status", "completed")],
    &[("q", "milk")],
    &[("q", "MILK")],
    &[("sort", "title"), ("q", "milk")],
    &[("sort", "title"), ("status", "pending")],
];

#[tokio::test]
async fn a_cursor_works_only_for_the_list_it_was_made_for() {
    let world = World::shared().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;

    for made_for in LISTS {
        let cursor = cursor_of(&alice, made_for).await;
        for other in LISTS {
            if other == made_for {
                assert_eq!(go_on(&alice, other, &cursor).await.status(), 200, "{other:?}");
            } else {
                refuses(&alice, other, &cursor, &format!("one of {made_for:?} in {other:?}")).await;
            }
        }
    }
}

#[tokio::test]
async fn equivalent_parameters_share_their_cursors() {
    let world = World::shared().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;

    let spellings: [&[&[(&str, &str)]]; 4] = [
        &[
            &[],
            &[("sort", "-id")],
            &[("sort", "-created_at")],
            &[("status", "all")],
            &[("q", "")],
            &[("limit", "2")],
            &[("count", "true")],
            &[("search", "")],
            &[("pages", "2")],
        ],
        &[&[("sort", "id")], &[("sort", "created_at")], &[("sort", "created_at"), ("limit", "1000")]],
        &[
            &[("status", "completed")],
            &[("completed", "true")],
            &[("completed", "true"), ("status", "all")],
            &[("completed", "true"), ("status", "completed")],
        ],
        &[&[("status", "pending")], &[("completed", "false")]],
    ];
    for same in spellings {
        for made_for in same {
            let page = alice.get(&list(&[*made_for, &[("limit", "1")]].concat())).await;
            let Some(address) = next(&page) else { panic!("{made_for:?}: {page:?}") };
            let cursor = cursor(&page);
            let wanted = alice.get(&address).await.ids();
            for other in same {
                let answer =
                    alice.get(&list(&[*other, &[("limit", "1"), ("cursor", &cursor)]].concat())).await;

                assert_eq!((answer.status(), answer.ids()), (200, wanted.clone()), "{made_for:?} {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_user_is_refused_like_any_invalid_cursor() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    four_tasks(&alice).await;
    four_tasks(&bob).await;

    for parameters in LISTS {
        let hers = cursor_of(&alice, parameters).await;
        for person in [&bob, &world.user("carol"), &world.user("Alice"), &world.user("alice ")] {
            refuses(person, parameters, &hers, &format!("{} {parameters:?}", person.id)).await;
        }
    }
}

#[tokio::test]
async fn the_last_of_two_cursors_counts() {
    let world = World::shared().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    let cursor = cursor_of(&alice, &[]).await;

    let good = go_on(&alice, &[("cursor", "nonsense")], &cursor).await;

    assert_eq!((good.status(), good.ids().len()), (200, 3));
    refuses(&alice, &[("cursor", &cursor)], "nonsense", "a good one first").await;
}

#[tokio::test]
async fn a_cursor_and_an_offset_exclude_each_other() {
    let world = World::shared().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    let cursor = cursor_of(&alice, &[]).await;

    for offset in ["0", "1", "10000"] {
        for cursor in [&cursor, "nonsense", ""] {
            let answer = go_on(&alice, &[("offset", offset)], cursor).await;

            V1_TASKS.refuses(&answer, 422, format!("offset {offset} and {cursor:?}"));
            assert!(answer.detail().contains("offset"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn all_servers_of_a_database_accept_its_cursors_also_after_a_restart() {
    let World { server, database } = World::new().await;
    let start = async || {
        let url = database.url("rowkeep_login");
        Server::start(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await.expect("a server")
    };
    let alice = |server: &Server| Person::new(server.address, "alice");
    four_tasks(&alice(&server)).await;

    for parameters in LISTS {
        let cursor = cursor_of(&alice(&server), parameters).await;
        let wanted = go_on(&alice(&server), parameters, &cursor).await;
        assert_eq!(wanted.status(), 200);
        if parameters.is_empty() {
            drop(start().await);
        }
    }

    let address = list(&[("sort", "title"), ("limit", "1")]);
    let first = alice(&server).get(&address).await;
    let second_server = start().await;
    let second = alice(&second_server).get(&next(&first).expect("a Link")).await;
    drop((server, second_server));
    let restarted = start().await;
    let third = alice(&restarted).get(&next(&second).expect("a Link")).await;

    let all = alice(&restarted).get("/api/v1/tasks?sort=title").await.ids();
    assert_eq!([first.ids(), second.ids(), third.ids()].concat(), all[..3]);
}

#[tokio::test]
async fn a_new_key_makes_every_cursor_invalid() {
    let World { server, database } = World::new().await;
    let alice = Person::new(server.address, "alice");
    four_tasks(&alice).await;
    let cursor = cursor_of(&alice, &[]).await;

    let superuser = database.superuser().await;
    superuser.batch_execute("insert into rowkeep.cursor_keys default values").await.expect("another key");
    let still = go_on(&alice, &[], &cursor).await.status();
    drop(server);
    let world = World::on(database, &[]).await;

    assert_eq!(still, 200, "until a restart");
    refuses(&world.user("alice"), &[], &cursor, "the key before").await;
    let anew = cursor_of(&world.user("alice"), &[]).await;
    assert_eq!(go_on(&world.user("alice"), &[], &anew).await.status(), 200);
}

#[tokio::test]
async fn a_cursor_of_another_database_is_refused() {
    let world = World::shared().await;
    let other = Database::unmigrated().await;
    rowkeep::schema::migrate(&other.address("postgres"), false).await.expect("a migrated database");
    let other = World::on(other, &[]).await;
    for world in [&world, &other] {
        four_tasks(&world.user("alice")).await;
    }

    for parameters in LISTS {
        // The same user, the same ids, the same titles.
        let cursor = cursor_of(&world.user("alice"), parameters).await;
        refuses(&other.user("alice"), parameters, &cursor, &format!("{parameters:?}")).await;
    }
}
