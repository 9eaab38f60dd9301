//! No text that somebody else chooses can forge a line of the log, or change the terminal of its reader.
//!
//! Each line of each server under test is checked (`world::log_lines`): it is one JSON object, or begins with a time and a
//! level, and everything in it prints. The tests here send texts that would break that, from every place that can choose one.

use std::time::Duration;

use http::{HeaderValue, Method};
use serde_json::json;

use super::overload::eventually;
use super::raw_client::RawClient;
use crate::http::tokens::{claims, signed};
use crate::world::log_lines::{check_json, check_text};
use crate::world::{Database, Issuer, JWKS_PATH, KeyPair, Reply, SECRET, SHARED_USERS, Server, World, token};

/// Ends a line and a value in every way, clears the screen, and turns the direction of writing.
pub const EVIL: &str = "mark\n{\"message\":\"forged\"}\r\n2026-01-10T09:30:00.000000Z  INFO forged=1\u{b}\u{c}\u{1b}[2J\u{1b}]0;x\u{7}\
                    \u{7f}\u{85}\u{9b}31m\u{2028}forged\u{2029}forged\u{202e}\u{2066}\u{2069}\u{61c}\u{200b}\u{feff}\u{ad}\u{e0041}\\\" forged=\"";

/// The same without what HTTP does not allow in a header.
const OBSCURE: &str =
    "mark \u{85}\u{9b}31m\u{2028}forged\u{2029}\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{e0041}\\\" forged=\"";

/// The bytes that are no UTF-8, and others that HTTP does not allow.
const INVALID: [&[u8]; 5] =
    [b"mark\xff\xfe", b"mark\xc3\x28", b"mark\xed\xa0\x80", b"mark\0mark", b"mark\x1b[2J"];

pub const FORMATS: [&str; 2] = ["json", "text"];

/// How a line of this format is checked.
pub fn check(format: &str, line: &str) -> Result<(), String> {
    if format == "text" { check_text(line) } else { check_json(line).map(drop) }
}

/// Waits for a line with the mark, which must be there so that the test has tested something. Checks all lines.
async fn is_marked_and_sound(server: &Server, format: &str, place: &str) {
    let has_mark = async || server.log().iter().any(|line| line.contains("mark"));
    eventually(&format!("a line with the text of {place}, as {format}"), has_mark).await;
    for line in server.log() {
        assert_eq!(check(format, &line), Ok(()), "{place}");
        assert!(format == "json" || !outside_of_quotes(&line).contains("forged"), "{place}: {line}");
    }
}

/// The names of fields and the unquoted values of a line of the text format.
fn outside_of_quotes(line: &str) -> String {
    let (mut outside, mut is_quoted) = (String::new(), false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => is_quoted = !is_quoted,
            '\\' => drop(characters.next()),
            _ if is_quoted => {}
            _ => outside.push(character),
        }
    }
    assert!(!is_quoted, "a quote is not closed: {line}");
    outside
}

/// The text percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Sends the bytes as they are, and reads whatever comes.
async fn sends(server: &Server, request: &[u8]) {
    let mut client = RawClient::sending(server.address, request).await;
    client.shuts_down_after(Duration::ZERO).await;
    client.reads_to_the_end().await;
}

#[tokio::test]
async fn no_part_of_a_request_can_forge_a_line() {
    for format in FORMATS {
        let database = Database::new().await;
        let world = World::on(
            database,
            &[
                ("LOG_FORMAT", format),
                ("ENVIRONMENT", "development"),
                ("TRUSTED_PROXIES", "127.0.0.1"),
                ("REQUEST_TIMEOUT", "2"),
            ],
        )
        .await;
        let valid = format!("Authorization: Bearer {}", token("alice"));
        let texts = INVALID.iter().map(|text| text.to_vec()).chain([EVIL.into(), OBSCURE.into()]);

        for text in texts {
            for name in [
                "X-Request-Id",
                "Origin",
                "Host",
                "User-Agent",
                "Forwarded",
                "X-Forwarded-For",
                "X-Forwarded-Host",
                "traceparent",
                "tracestate",
                "Authorization",
                "Authorization: Bearer",
                "Content-Type",
                "Content-Encoding",
                "Accept-Encoding",
                "Access-Control-Request-Headers",
                "Cookie",
                "Referer",
                "Transfer-Encoding",
                "Expect",
            ] {
                let mut request = format!("GET /api/v1/tasks HTTP/1.1\r\nHost: x\r\n{name}: ").into_bytes();
                request.extend(&text);
                request.extend(b"\r\n\r\n");
                sends(&world.server, &request).await;
            }
            let from_text =
                |before: &str, after: &str| [before.as_bytes(), text.as_slice(), after.as_bytes()].concat();
            for request in [
                from_text("GET /", &format!(" HTTP/1.1\r\nHost: x\r\n{valid}\r\n\r\n")),
                from_text("GET /api/", &format!("/tasks HTTP/1.1\r\nHost: x\r\n{valid}\r\n\r\n")),
                from_text("GET /api/tasks?", &format!("=1 HTTP/1.1\r\nHost: x\r\n{valid}\r\n\r\n")),
                from_text("GET http://", &format!("/api/tasks HTTP/1.1\r\nHost: x\r\n{valid}\r\n\r\n")),
                from_text("", " /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n"),
                from_text("GET /api/tasks ", "\r\nHost: x\r\n\r\n"),
                from_text(
                    &format!(
                        "POST /api/tasks HTTP/1.1\r\nHost: x\r\n{valid}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
                    ),
                    "",
                ),
                from_text("", ""),
            ] {
                sends(&world.server, &request).await;
            }
        }
        let alice = world.user("alice");
        let hostile = encoded(EVIL);
        for path in [
            format!("/{hostile}"),
            format!("/api/{hostile}/tasks"),
            format!("/api/tasks/{hostile}"),
            format!("/api/{hostile}/tasks/{hostile}/complete?{hostile}={hostile}"),
            format!("/api/v1/tasks?{hostile}=1"),
            format!("/api/v1/tasks?cursor={hostile}&status={hostile}&sort={hostile}&q={hostile}"),
        ] {
            alice.get(&path).await;
            world.anonymous().get(&path).await;
        }
        alice.post("/api/tasks", json!({ "title": EVIL, EVIL: EVIL })).await;

        is_marked_and_sound(&world.server, format, "a request").await;
    }
}

#[tokio::test]
async fn no_part_of_a_token_can_forge_a_line_or_is_in_one() {
    for format in FORMATS {
        let issuer = Issuer::new(&[&KeyPair::new(jsonwebtoken::Algorithm::EdDSA)]).await;
        let url = issuer.url();
        let settings =
            [("LOG_FORMAT", format), ("LOG_LEVEL", "trace"), ("BETTER_AUTH_URL", &*url), SHARED_USERS];
        let world = World::with(&settings).await;
        let evil = json!({ "alg": "HS256", "typ": EVIL, "kid": EVIL, "marked": EVIL });
        let kid = json!({ "alg": "EdDSA", "typ": "JWT", "kid": EVIL });
        let plain = json!({ "alg": "HS256", "typ": "JWT", "kid": EVIL });
        let of = |changes| claims(changes);

        let tokens = [
            signed(&evil, &of(json!({})), SECRET),
            signed(&kid, &of(json!({ "iss": url, "aud": url })), SECRET),
            signed(&plain, &of(json!({ "sub": EVIL })), SECRET),
            // Of these characters a user id may have all.
            signed(&plain, &of(json!({ "sub": "mark\u{2028}\u{202e}\u{2066}\u{feff}\"\\" })), SECRET),
            signed(&plain, &of(json!({ "iss": EVIL, "aud": [EVIL], "jti": EVIL, EVIL: EVIL })), SECRET),
            signed(&plain, &of(json!({ "exp": EVIL })), SECRET),
            signed(&plain, &of(json!({ "sub": [EVIL] })), SECRET),
            signed(&plain, &of(json!({ "email": EVIL, "purpose": EVIL })), SECRET),
            signed(&plain, &of(json!({ "sub": EVIL })), "another secret, of more than thirty-two bytes"),
        ];
        for token in &tokens {
            for path in ["/api/tasks", "/api/mark/tasks", "/api/v1/tasks/7"] {
                world.bearer(token).get(path).await;
            }
        }

        let last = world.anonymous().get("/api/tasks").await;
        let id = last.header("x-request-id");
        eventually("the last line", async || {
            world.server.log().iter().any(|line| line.contains(id) && line.contains("answered"))
        })
        .await;
        let parts: Vec<&str> = tokens.iter().flat_map(|token| token.split('.')).collect();
        for line in world.server.log() {
            assert_eq!(check(format, &line), Ok(()));
            assert!(!line.contains("mark") && !line.contains("forged"), "{line}");
            assert!(!parts.iter().any(|part| line.contains(part)), "{line}");
        }
    }
}

/// A trigger of the DBA can repeat a title in its error.
#[tokio::test]
async fn no_message_of_the_database_can_forge_a_line() {
    for format in FORMATS {
        let database = Database::new().await;
        let admin = database.superuser().await;
        // The audit fails each object of app that no release declares, and names it.
        let name: String = EVIL.chars().take(60).collect::<String>().replace('"', "\"\"");
        let index = format!("create index \"{name}\" on app.tasks (created_at)");
        admin.batch_execute(&index).await.expect("an index");
        let world = World::on(database, &[("LOG_FORMAT", format)]).await;
        let trigger = "create function public.tells() returns trigger language plpgsql as $$ begin
                         raise exception using message = new.title, detail = new.title, errcode = 'XX000'; end $$;
                       create trigger tells before insert on app.tasks for each row execute function public.tells()";
        admin.batch_execute(trigger).await.expect("a trigger");

        let answer = world.user("alice").post("/api/tasks", json!({ "title": EVIL })).await;

        assert_eq!(answer.status(), 500);
        for message in ["a fault of the server", "`rowkeep audit` fails"] {
            let is_there = |line: &String| line.contains(message) && line.contains("mark");
            eventually(message, async || world.server.log().iter().any(is_there)).await;
        }
        is_marked_and_sound(&world.server, format, "the database").await;
    }
}

#[tokio::test]
async fn no_answer_of_an_issuer_can_forge_a_line() {
    let pair = KeyPair::new(jsonwebtoken::Algorithm::EdDSA);
    let mut key = pair.jwk();
    key["kid"] = json!(EVIL);
    let mut unusable = key.clone();
    unusable["crv"] = json!(EVIL);
    unusable["alg"] = json!(EVIL);
    let keys = Reply::keys(&[key.clone(), key.clone(), unusable.clone()]);
    let mut redirect = Reply::new("").status(302);
    let elsewhere = HeaderValue::from_bytes("http://127.0.0.1:9/mark\u{85}\u{2028}\u{202e}".as_bytes());
    redirect.headers.insert("location", elsewhere.expect("a header"));
    let replies = [
        ("keys", keys),
        ("no key", Reply::keys(&[unusable])),
        ("no set", Reply::new(EVIL)),
        ("another type", Reply::new(json!({ "keys": EVIL }).to_string())),
        ("bytes", Reply::new(&b"{\"keys\": \xff\xfe mark"[..])),
        ("a redirect", redirect),
    ];
    for format in FORMATS {
        for (place, reply) in &replies {
            let issuer = Issuer::new(&[&pair]).await;
            issuer.reply(JWKS_PATH, reply.clone());
            let world = World::of(&issuer, &[("LOG_FORMAT", format), ("LOG_LEVEL", "debug")]).await;

            let read = async || world.server.log().iter().any(|line| line.contains("key"));
            eventually(place, read).await;
            for line in world.server.log() {
                assert_eq!(check(format, &line), Ok(()), "{place}");
            }
            if *place == "keys" {
                is_marked_and_sound(&world.server, format, place).await;
            }
        }
    }
}

#[tokio::test]
async fn no_message_of_the_database_makes_a_long_line() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let world = World::on(database, &[]).await;
    let trigger = "create function public.tells() returns trigger language plpgsql as
                   $$ begin raise exception using message = repeat(new.title, 1000), errcode = 'XX000'; end $$;
                   create trigger tells before insert on app.tasks for each row execute function public.tells()";
    admin.batch_execute(trigger).await.expect("a trigger");

    world
        .user("alice")
        .send(Method::POST, "/api/tasks", json!({ "title": "\u{202e}".repeat(200) }).to_string())
        .await;

    let fault = async || world.server.log().iter().any(|line| line.contains("a fault of the server"));
    eventually("its line", fault).await;
    let longest = world.server.log().iter().map(String::len).max();
    assert!(longest.is_some_and(|length| (8 * 1024..10 * 1024).contains(&length)), "{longest:?}");
}
