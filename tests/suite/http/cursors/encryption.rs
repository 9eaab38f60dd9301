//! Cursors are encrypted and authenticated: a client can neither read one nor make one.

use std::collections::BTreeSet;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rowkeep::tasks::{Listing, Position, Sort, Status};
use serde_json::json;

use super::super::contracts::{V1_TASKS, encoded};
use super::{cursor_of, four_tasks, go_on, refuses};
use crate::world::World;

#[tokio::test]
async fn a_cursor_with_one_changed_bit_is_refused() {
    let world = World::shared().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;

    // A cursor with a title is long, so that not every bit of it is tried.
    for (parameters, step) in [(&[("sort", "id")], 1), (&[("sort", "title")], 13)] {
        let cursor = cursor_of(&alice, parameters).await;
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");
        for bit in (0..8 * bytes.len()).step_by(step) {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let bent = URL_SAFE_NO_PAD.encode(bent);

            V1_TASKS.refuses(&go_on(&alice, parameters, &bent).await, 422, format!("bit {bit} of {cursor}"));
        }
        assert_eq!(go_on(&alice, parameters, &cursor).await.status(), 200, "unbent");
    }
}

#[tokio::test]
async fn a_cursor_in_another_encoding_is_refused() {
    let world = World::shared().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for parameters in [&[("sort", "id")], &[("sort", "updated_at")]] {
        let cursor = cursor_of(&alice, parameters).await;
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");
        assert_ne!(bytes.len() % 3, 0, "the last character must stand for fewer than six bits");

        let mut others: Vec<String> = (0..cursor.len()).map(|length| cursor[..length].to_owned()).collect();
        for position in 0..cursor.len() {
            let (before, after) = (&cursor[..position], &cursor[position + 1..]);
            let next = ALPHABET.find(&cursor[position..=position]).expect("a character of base64url") + 1;
            let next = &ALPHABET[next % 64..=next % 64];
            others.push(format!("{before}{next}{after}"));
            others.push(format!("{before} {after}"));
            others.push(format!("{before}{after}"));
        }
        // The last character may stand for fewer than six bits: several characters then decode to the same bytes.
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
            V1_TASKS.refuses(
                &go_on(&alice, parameters, &other).await,
                422,
                format!("{other:?}, not {cursor}"),
            );
        }
    }
}

#[tokio::test]
async fn the_length_of_a_cursor_does_not_tell_the_length_of_a_title() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let titles = [
        "m",
        "buy milk",
        &"m".repeat(200),
        &"\u{1f95b}".repeat(200),
        &"\u{1}".repeat(200),
        &"\"".repeat(200),
    ];
    let mut lengths = BTreeSet::new();
    for title in titles {
        let (status, count) = ("pending", 2);
        for _ in 0..count {
            alice.creates(json!({ "title": title })).await;
        }
        let parameters = &[("sort", "title"), ("status", status)];
        let cursor = cursor_of(&alice, parameters).await;
        lengths.insert(cursor.len());
        // A cursor is of use only if it goes on.
        assert_eq!(go_on(&alice, parameters, &cursor).await.status(), 200, "{title:?}");
        for task in alice.get("/api/tasks?status=pending").await.json().as_array().expect("a list") {
            let path = format!("/api/tasks/{}/complete", task["id"]);
            alice.patch(&path, json!({ "completed": true })).await;
        }
    }

    assert_eq!(lengths.len(), 1, "{lengths:?}");
    assert!(lengths.iter().all(|length| *length < 2000), "an address must not be too long: {lengths:?}");
}

/// Clients keep cursors, and servers of two releases can run at once.
#[tokio::test]
async fn a_cursor_without_padding_of_an_older_release_is_accepted() {
    let world = World::new().await;
    let alice = world.user("alice");
    four_tasks(&alice).await;
    let superuser = world.database.superuser().await;
    let sql = "select key from rowkeep.cursor_keys order by id desc limit 1";
    let key: Vec<u8> = superuser.query_one(sql, &[]).await.expect("a key").get(0);
    let listing = Listing { status: Status::All, text: String::new(), sort: Sort::Title, descending: false };
    let wanted = go_on(&alice, &[("sort", "title")], &cursor_of(&alice, &[("sort", "title")]).await).await;

    let first = alice.get("/api/v1/tasks?sort=title&limit=1").await.json()[0].clone();
    let position = Position::Title("Milk".into(), first["id"].as_i64().expect("an id"));
    let mut bytes = serde_json::to_vec(&position).expect("JSON");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &key).expect("a key"));
    let data = Aad::from(serde_json::to_vec(&(1, "alice", &listing)).expect("JSON"));
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, data, &mut bytes).expect("a cursor");
    bytes.insert(0, 1);
    let found = go_on(&alice, &[("sort", "title")], &URL_SAFE_NO_PAD.encode(bytes)).await;

    assert_eq!(first["title"], "Milk");
    assert_eq!(found.ids().len(), 3);
    assert_eq!(found.ids(), wanted.ids());
}

#[tokio::test]
async fn a_cursor_of_another_version_is_refused() {
    let world = World::shared().await;
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
async fn a_cursor_cannot_be_read() {
    let world = World::shared().await;
    let alice = world.user("alice-0123456789");
    let title = "what-nobody-should-read";
    for _ in 0..2 {
        alice.creates(json!({ "title": title, "description": "nor-should-anybody-this" })).await;
    }

    for sort in ["id", "title", "updated_at"] {
        let cursor = cursor_of(&alice, &[("sort", sort), ("q", "nobody-should")]).await;
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");

        for secret in [title, "alice-0123456789", "nor-should-anybody-this", "Title", "UpdatedAt", "2026-"] {
            // Random base64 has many groups of four letters, and some are found by chance.
            for (kind, text, length) in
                [("bytes", &bytes[..], 4), ("text", cursor.as_bytes(), secret.len().min(8))]
            {
                for part in secret.as_bytes().windows(length) {
                    let found = text.windows(length).any(|window| window.eq_ignore_ascii_case(part));
                    assert!(!found, "{sort}: the {kind} hold {:?}", String::from_utf8_lossy(part));
                }
            }
        }
    }
}

#[tokio::test]
async fn cursors_of_two_users_with_equal_tasks_differ() {
    let world = World::shared().await;
    let mut cursors = Vec::new();
    for name in ["alice", "bob"] {
        let person = world.user(name);
        for _ in 0..2 {
            person.creates(json!({ "title": "the same title" })).await;
        }
        let cursor = cursor_of(&person, &[("sort", "title")]).await;
        cursors.push(URL_SAFE_NO_PAD.decode(cursor).expect("base64url"));
    }

    // The first byte is the version of the format.
    let same = cursors[0].iter().zip(&cursors[1]).skip(1).filter(|(one, other)| one == other).count();
    // By chance one of 256 is.
    assert!(same * 32 < cursors[0].len(), "{same} of {cursors:?}");
}
