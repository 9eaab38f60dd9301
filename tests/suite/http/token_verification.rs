//! Which tokens a server with a secret accepts.

use serde_json::{Value, json};

use super::tokens::{
    assert_invalid_token, authorized, bearer, claims, header, now, part, signature, signed,
    texts_inside_texts, token_with,
};
use crate::world::{SECRET, World, token};

#[tokio::test]
async fn a_text_that_is_not_a_jwt_is_refused() {
    let world = World::shared().await;
    let good = token("alice");
    let (head, rest) = good.split_once('.').expect("three parts");
    let (middle, end) = rest.split_once('.').expect("three parts");
    let not_json = format!("{head}.{}", part("sub=alice"));
    let no_object = format!("{head}.{}", part("[\"alice\"]"));
    let half = |text: &str| format!("{text}.{}", signature(text, SECRET));

    for (label, token) in [
        ("a word", "nonsense".to_owned()),
        ("nothing", String::new()),
        ("null", "null".into()),
        ("dots", "..".into()),
        ("two parts", format!("{head}.{middle}")),
        ("no signature", format!("{head}.{middle}.")),
        ("four parts", format!("{good}.{end}")),
        ("five parts", format!("{head}..{middle}.{end}.{end}")),
        ("two tokens", format!("{good} {good}")),
        ("quotes", format!("\"{good}\"")),
        ("no claims", format!("{head}..{end}")),
        ("padding", format!("{head}.{middle}.{end}=")),
        ("a session token", "Qm3xLAw8rYb0c2p6.dGhlIHNpZ25hdHVyZQ==".into()),
        ("a header that is no JSON", format!("{}.{middle}.{end}", part("HS256"))),
        ("a header that is no base64", format!("!!.{middle}.{end}")),
        ("claims that are no JSON", half(&not_json)),
        ("claims that are no object", half(&no_object)),
        ("20 kB", format!("{head}.{}.{end}", "x".repeat(20_000))),
        ("other scripts", "ключ".into()),
    ] {
        let answer = authorized(&world, &[&format!("Bearer {token}")]).await;

        assert_invalid_token(&answer, label);
    }
}

#[tokio::test]
async fn a_signature_by_another_secret_is_refused() {
    let world = World::shared().await;
    let good = token("alice");
    let (text, end) = good.rsplit_once('.').expect("three parts");
    let (_, middle) = text.split_once('.').expect("two parts");
    let bobs = part(claims(json!({ "sub": "bob" })).to_string());
    let head = text.split('.').next().expect("a header");

    for (label, token) in [
        (
            "another secret",
            signed(&header(), &claims(json!({})), "another secret of more than thirty-two bytes"),
        ),
        ("no secret", signed(&header(), &claims(json!({})), "")),
        ("the secret and a line break", signed(&header(), &claims(json!({})), &format!("{SECRET}\n"))),
        ("changed claims", format!("{head}.{bobs}.{end}")),
        ("a changed header", format!("{}.{middle}.{end}", part(r#"{"alg":"HS256"}"#))),
        ("half a signature", format!("{text}.{}", &end[..end.len() / 2])),
        ("a signature of zeros", format!("{text}.{}", part([0; 32]))),
    ] {
        assert_invalid_token(&bearer(&world, &token).get("/api/tasks").await, label);
    }
}

#[tokio::test]
async fn an_algorithm_other_than_hs256_is_refused() {
    let world = World::shared().await;

    for alg in [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!(""),
        json!("hs256"),
        json!("HS384"),
        json!("HS512"),
        json!("RS256"),
        json!("PS256"),
        json!("ES256"),
        json!("ES384"),
        json!("ES512"),
        json!("EdDSA"),
        json!("nonsense"),
        json!(null),
        json!(["HS256"]),
        json!(256),
    ] {
        let head = json!({ "alg": alg, "typ": "JWT" });
        let with_signature = signed(&head, &claims(json!({})), SECRET);
        let unsigned = format!("{}.", with_signature.rsplit_once('.').expect("three parts").0);

        for token in [with_signature, unsigned] {
            assert_invalid_token(&bearer(&world, &token).get("/api/tasks").await, &format!("{alg} {token}"));
        }
    }
    let no_alg = signed(&json!({ "typ": "JWT" }), &claims(json!({})), SECRET);
    assert_invalid_token(&bearer(&world, &no_alg).get("/api/tasks").await, "no alg");
}

#[tokio::test]
async fn the_header_of_another_kind_of_token_is_refused() {
    let world = World::shared().await;

    for more in [
        json!({ "typ": "better-auth.session-cache+jwt" }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "typ": "JWE" }),
        json!({ "typ": "" }),
        json!({ "typ": null }),
        json!({ "typ": 5 }),
        json!({ "typ": ["JWT"] }),
        json!({ "cty": "JWT" }),
        json!({ "cty": "application/jwt" }),
        json!({ "cty": null }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A256GCM" }),
        json!({ "crit": ["exp"], "exp": 5 }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
    ] {
        let mut head = header();
        for (name, value) in more.as_object().expect("an object") {
            head[name] = value.clone();
        }
        let token = signed(&head, &claims(json!({})), SECRET);

        assert_invalid_token(&bearer(&world, &token).get("/api/tasks").await, &more.to_string());
    }
}

#[tokio::test]
async fn typ_may_be_absent_or_jwt_or_at_jwt_and_kid_may_be_anything() {
    let world = World::shared().await;

    for head in [
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "typ": "JWT" }),
        json!({ "alg": "HS256", "typ": "jwt" }),
        json!({ "alg": "HS256", "typ": "at+jwt" }),
        json!({ "alg": "HS256", "typ": "AT+JWT" }),
        json!({ "alg": "HS256", "kid": "KaDcFVszGZn7zvH3RIbrsH5uyJCq88JU" }),
        json!({ "typ": "JWT", "alg": "HS256", "kid": "../../etc/passwd", "cty": "JSON" }),
    ] {
        let answer = bearer(&world, &signed(&head, &claims(json!({})), SECRET)).get("/api/tasks").await;

        assert_eq!(answer.status(), 200, "{head}: {answer:?}");
    }
}

#[tokio::test]
async fn a_token_is_accepted_only_while_it_is_valid() {
    let world = World::shared().await;

    for (label, changes, is_accepted) in [
        ("an hour", json!({}), true),
        ("a fraction of a second", json!({ "exp": now() as f64 + 3600.5 }), true),
        ("no iat", json!({ "iat": null }), true),
        ("a fractional iat", json!({ "iat": now() as f64 + 0.25 }), true),
        ("valid since an hour", json!({ "nbf": now() - 3600 }), true),
        ("valid since before 1970", json!({ "nbf": -1 }), false),
        ("issued before 1970", json!({ "iat": -0.5 }), false),
        ("nearly 366 days", json!({ "exp": now() + 365 * 86_400 }), true),
        ("expired an hour ago", json!({ "exp": now() - 3600 }), false),
        ("expired two minutes ago", json!({ "exp": now() - 120 }), false),
        ("expired a fraction ago", json!({ "exp": now() as f64 - 120.5 }), false),
        ("expired in 1970", json!({ "exp": 0 }), false),
        ("expired before 1970", json!({ "exp": -1 }), false),
        ("valid in an hour", json!({ "nbf": now() + 3600 }), false),
        ("valid in two minutes, fractional", json!({ "nbf": now() as f64 + 120.5 }), false),
        ("no exp", json!({ "exp": null }), false),
        ("more than 366 days", json!({ "exp": now() + 367 * 86_400 }), false),
        ("milliseconds", json!({ "exp": (now() + 3600) * 1000 }), false),
        ("no end", json!({ "exp": 1e300 }), false),
        ("a text", json!({ "exp": (now() + 3600).to_string() }), false),
        ("a boolean", json!({ "exp": true }), false),
        ("a list", json!({ "exp": [now() + 3600] }), false),
        ("nbf as a text", json!({ "nbf": "yesterday" }), false),
        ("iat as a text", json!({ "iat": "yesterday" }), false),
    ] {
        let answer = bearer(&world, &token_with(changes)).get("/api/tasks").await;

        if is_accepted {
            assert_eq!(answer.status(), 200, "{label}: {answer:?}");
        } else {
            assert_invalid_token(&answer, label);
        }
    }
}

#[tokio::test]
async fn an_exp_of_null_is_refused() {
    let world = World::shared().await;
    let mut claims = claims(json!({}));
    claims["exp"] = Value::Null;

    let answer = bearer(&world, &signed(&header(), &claims, SECRET)).get("/api/tasks").await;

    assert_invalid_token(&answer, "exp: null");
}

#[tokio::test]
async fn a_subject_that_cannot_be_a_user_id_is_refused() {
    let world = World::shared().await;

    for (label, sub) in [
        ("none", json!(null)),
        ("empty", json!("")),
        ("blank", json!("   ")),
        ("other blanks", json!("\u{a0}\u{3000}\u{2003}")),
        ("256 characters", json!("a".repeat(256))),
        ("256 characters of other scripts", json!("ü".repeat(256))),
        ("U+0000", json!("alice\0")),
        ("a line break", json!("alice\nbob")),
        ("a tab", json!("\talice")),
        ("an escape", json!("\u{1b}[31malice")),
        ("U+007F", json!("alice\u{7f}")),
        ("U+0085", json!("alice\u{85}")),
        ("a number", json!(1)),
        ("a boolean", json!(true)),
        ("a list", json!(["alice"])),
        ("an object", json!({ "id": "alice" })),
    ] {
        let answer = bearer(&world, &token_with(json!({ "sub": sub }))).get("/api/tasks").await;

        assert_invalid_token(&answer, label);
    }
}

#[tokio::test]
async fn no_token_overflows_the_stack() {
    let world = World::shared().await;
    let mut deep_header = header();
    deep_header["x"] = texts_inside_texts(10);

    let unsigned = format!("{}.{}.{}", part(deep_header.to_string()), part("{}"), part("x"));
    let refused = bearer(&world, &unsigned).get("/api/tasks").await;
    let in_header = bearer(&world, &signed(&deep_header, &claims(json!({})), SECRET)).get("/api/tasks").await;
    let in_claims =
        bearer(&world, &token_with(json!({ "x": texts_inside_texts(10) }))).get("/api/tasks").await;
    let as_user =
        bearer(&world, &token_with(json!({ "sub": texts_inside_texts(10) }))).get("/api/tasks").await;

    assert_invalid_token(&refused, "unsigned");
    assert_eq!((in_header.status(), in_claims.status()), (200, 200), "they are ordinary strings");
    assert_invalid_token(&as_user, "as a user");
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
}
