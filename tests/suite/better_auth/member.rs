//! Somebody with an account at a Better Auth server, and with a browser's cookies.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use http::header::SET_COOKIE;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::node::BetterAuth;
use crate::world::{Answer, Person, World};

/// Somebody who has signed up.
pub struct Member {
    issuer: BetterAuth,
    cookies: BTreeMap<String, String>,
    /// The session's token as Better Auth's answer has it: no JWT.
    pub session_token: String,
}

impl BetterAuth {
    /// Somebody signs up.
    pub async fn sign_up(&self, name: &str) -> Member {
        let email = format!("{name}@example.test");
        let account = json!({ "name": name, "email": email, "password": "correct horse battery" });

        let answer = self.call(Method::POST, "/api/auth/sign-up/email", "", Some(account)).await;

        assert_eq!(answer.status(), 200, "{answer:?}");
        let session_token = answer.json()["token"].as_str().expect("a session token").to_owned();
        Member { issuer: self.clone(), cookies: cookies(&answer), session_token }
    }
}

impl Member {
    /// Calls Better Auth with the cookies.
    pub async fn call(&self, method: Method, path: &str) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let body = (method == Method::POST).then(|| json!({}));
        self.issuer.call(method, path, &cookies.join("; "), body).await
    }

    /// Asks for a token, whatever the answer.
    pub async fn asks_for_a_token(&self) -> Answer {
        self.call(Method::GET, "/api/auth/token").await
    }

    /// A fresh token.
    pub async fn token(&self) -> String {
        let answer = self.asks_for_a_token().await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Signs out, but the browser keeps its cookies, as a thief of them would.
    pub async fn signs_out(&self) {
        let answer = self.call(Method::POST, "/api/auth/sign-out").await;
        assert_eq!(answer.status(), 200, "{answer:?}");
    }

    /// What a cookie says, without the encoding that cookies need.
    pub fn cookie(&self, name: &str) -> String {
        let value = &self.cookies[name];
        percent_decode_str(value).decode_utf8().expect("UTF-8").into_owned()
    }

    /// As a caller of Rowkeep, with a fresh token.
    pub async fn at(&self, world: &World) -> Person {
        let token = self.token().await;
        let mut person = world.bearer(&token);
        person.id = claims(&token)["sub"].as_str().expect("a subject").to_owned();
        person
    }
}

/// What the header of a token says.
pub fn header(token: &str) -> Value {
    decoded(token.split('.').next())
}

/// What the claims of a token say.
pub fn claims(token: &str) -> Value {
    decoded(token.split('.').nth(1))
}

fn decoded(part: Option<&str>) -> Value {
    let json = URL_SAFE_NO_PAD.decode(part.expect("a part")).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

fn cookies(answer: &Answer) -> BTreeMap<String, String> {
    let all = answer.headers.get_all(SET_COOKIE).iter();
    all.map(|cookie| {
        let cookie = cookie.to_str().expect("ASCII");
        let pair = cookie.split(';').next().expect("a first part");
        let (name, value) = pair.split_once('=').expect("a name and a value");
        (name.to_owned(), value.to_owned())
    })
    .collect()
}
