//! Cursors mean something to the server that made them and its like, in the list that they were made for, and nothing else.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::contracts::{V, encoded};
use super::links::{cursor, list, next};
use crate::world::{Answer, Database, Person, SECRET, Server, World};

/// Gives a person four tasks, two of them completed.
async fn four_tasks(person: &Person) {
    for (title, completed) in [("milk", false), ("tea and milk", true), ("Milk", true), ("milk", false)] {
        let task = person.creates(json!({ "title": title })).await;
        let path = format!("/api/tasks/{}/complete", task["id"]);
        person.patch(&path, json!({ "completed": completed })).await;
    }
}

/// The cursor that stands behind the first task of a list.
async fn cursor_of(person: &Person, parameters: &[(&str, &str)]) -> String {
    cursor(&person.get(&list(&[parameters, &[("limit", "1")]].concat())).await)
}

async fn go_on(person: &Person, parameters: &[(&str, &str)], cursor: &str) -> Answer {
    person.get(&list(&[parameters, &[("cursor", cursor)]].concat())).await
}

/// Expects the refusal that every cursor meets which is not one of this list.
async fn refuses(person: &Person, parameters: &[(&str, &str)], cursor: &str, label: &str) {
    let answer = go_on(person, parameters, cursor).await;
    let nonsense = go_on(person, parameters, "nonsense").await;

    V.refuses(&answer, 422, label);
    assert_eq!(answer.without_date(), nonsense.without_date(), "{label}");
}

/// Every list that is a list of its own.
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
async fn a_cursor_fits_the_list_it_was_made_for_and_no_other() {
    let world = World::new().await;
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
async fn a_list_has_the_same_cursors_however_it_is_spelled() {
    let world = World::new().await;
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
            &[("page", "2")],
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
async fn a_cursor_of_somebody_else_is_like_any_that_does_not_fit() {
    let world = World::new().await;
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
async fn a_cursor_with_one_changed_bit_is_refused() {
    let world = World::new().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;

    for parameters in [&[("sort", "id")], &[("sort", "title")]] {
        let cursor = cursor_of(&alice, parameters).await;
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");
        for bit in 0..8 * bytes.len() {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let bent = URL_SAFE_NO_PAD.encode(bent);

            V.refuses(&go_on(&alice, parameters, &bent).await, 422, format!("bit {bit} of {cursor}"));
        }
        assert_eq!(go_on(&alice, parameters, &cursor).await.status(), 200, "unbent");
    }
}

#[tokio::test]
async fn a_cursor_of_another_spelling_is_refused() {
    let world = World::new().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    // One, two and three characters for the last bytes.
    let mut lengths = std::collections::BTreeSet::new();
    for title in ["m", "mm", "mmm"] {
        for _ in 0..2 {
            alice.creates(json!({ "title": title })).await;
        }
        let parameters = &[("sort", "title"), ("q", title)];
        let cursor = cursor_of(&alice, parameters).await;
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");
        lengths.insert(bytes.len() % 3);

        let mut others: Vec<String> = (0..cursor.len()).map(|length| cursor[..length].to_owned()).collect();
        for position in 0..cursor.len() {
            let (before, after) = (&cursor[..position], &cursor[position + 1..]);
            let next = ALPHABET.find(&cursor[position..=position]).expect("a character of base64url") + 1;
            let next = &ALPHABET[next % 64..=next % 64];
            others.push(format!("{before}{next}{after}"));
            others.push(format!("{before} {after}"));
            others.push(format!("{before}{after}"));
        }
        // Where the last character stands for fewer than six bits, some are the same bytes.
        let (before, last) = cursor.split_at(cursor.len() - 1);
        let mut same_bytes = ALPHABET.chars().filter(|other| !last.contains(*other));
        others.extend(same_bytes.by_ref().map(|other| format!("{before}{other}")));
        for after in ["A", "=", "==", "===", "AAAA", " ", "\n", "\0", ".", &cursor] {
            others.push(format!("{cursor}{after}"));
        }
        for before in ["A", " ", "\0", "AAAA", "="] {
            others.push(format!("{before}{cursor}"));
        }
        others.extend(
            ["", " ", "null", "0", "[]", "{}", "AQ", "AQ==", "AA", "Ж", "\0", "%", "'"].map(str::to_owned),
        );
        others.push(STANDARD.encode(&bytes) + "=");
        others.push(encoded(&cursor) + "%41");
        others.push("A".repeat(10_000));
        others.push(cursor.to_uppercase() + "a");

        for other in others {
            assert_ne!(other, cursor);
            V.refuses(&go_on(&alice, parameters, &other).await, 422, format!("{other:?}, not {cursor}"));
        }
    }
    assert_eq!(lengths.len(), 3, "every kind of ending");
}

#[tokio::test]
async fn a_cursor_of_another_version_is_refused() {
    let world = World::new().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    let mut bytes = URL_SAFE_NO_PAD.decode(cursor_of(&alice, &[]).await).expect("base64url");
    let version = bytes[0];

    for other in (0..=255).filter(|other| *other != version) {
        bytes[0] = other;
        refuses(&alice, &[], &URL_SAFE_NO_PAD.encode(&bytes), &format!("version {other}")).await;
    }
}

#[tokio::test]
async fn of_two_cursors_the_last_counts() {
    let world = World::new().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    let cursor = cursor_of(&alice, &[]).await;

    let good = go_on(&alice, &[("cursor", "nonsense")], &cursor).await;

    assert_eq!((good.status(), good.ids().len()), (200, 3));
    refuses(&alice, &[("cursor", &cursor)], "nonsense", "a good one first").await;
}

#[tokio::test]
async fn a_cursor_and_an_offset_exclude_each_other() {
    let world = World::new().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    let cursor = cursor_of(&alice, &[]).await;

    for offset in ["0", "1", "10000"] {
        for cursor in [&cursor, "nonsense", ""] {
            let answer = go_on(&alice, &[("offset", offset)], cursor).await;

            V.refuses(&answer, 422, format!("offset {offset} and {cursor:?}"));
            assert!(answer.detail().contains("offset"), "{answer:?}");
        }
    }
}

/// It stands in addresses, and so in the logs of proxies and in histories.
#[tokio::test]
async fn a_cursor_cannot_be_read() {
    let world = World::new().await;
    let alice = world.user("alice-0123456789");
    let title = "what-nobody-should-read";
    for _ in 0..2 {
        alice.creates(json!({ "title": title, "description": "nor-should-anybody-this" })).await;
    }

    for sort in ["id", "title", "updated_at"] {
        let cursor = cursor_of(&alice, &[("sort", sort), ("q", "nobody-should")]).await;
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");

        for secret in [title, "alice-0123456789", "nor-should-anybody-this", "Title", "UpdatedAt", "2026-"] {
            for (kind, text) in [("bytes", &bytes[..]), ("text", cursor.as_bytes())] {
                for part in secret.as_bytes().windows(4) {
                    let found = text.windows(4).any(|window| window.eq_ignore_ascii_case(part));
                    assert!(!found, "{sort}: the {kind} hold {:?}", String::from_utf8_lossy(part));
                }
            }
        }
    }
}

/// Where there is the same text in the clear, there is none of it under the seal.
#[tokio::test]
async fn cursors_of_two_people_with_the_same_tasks_have_nothing_in_common() {
    let world = World::new().await;
    let mut cursors = Vec::new();
    for name in ["alice", "bob"] {
        let person = world.user(name);
        for _ in 0..2 {
            person.creates(json!({ "title": "the same title" })).await;
        }
        let cursor = cursor_of(&person, &[("sort", "title")]).await;
        cursors.push(URL_SAFE_NO_PAD.decode(cursor).expect("base64url"));
    }

    // The first byte says how to read the rest.
    let same = cursors[0].iter().zip(&cursors[1]).skip(1).filter(|(one, other)| one == other).count();
    assert!(same < 8, "{cursors:?}");
}

#[tokio::test]
async fn every_server_of_a_database_knows_its_cursors_before_and_after_a_restart() {
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
async fn another_key_makes_every_cursor_void() {
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
    let world = World::new().await;
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
