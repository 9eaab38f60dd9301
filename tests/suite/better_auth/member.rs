//! A member of a Better Auth server, with a browser's cookies.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use http::header::SET_COOKIE;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::node::BetterAuth;
use crate::world::{Answer, Person, World};

/// A user who has signed up.
pub struct Member {
    issuer: BetterAuth,
    cookies: BTreeMap<String, String>,
    /// The session token of Better Auth's answer. It is not a JWT.
    pub session_token: String,
}

impl BetterAuth {
    /// Signs a new member up.
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

    /// Requests a token.
    pub async fn requests_token(&self) -> Answer {
        self.call(Method::GET, "/api/auth/token").await
    }

    /// A new token.
    pub async fn token(&self) -> String {
        let answer = self.requests_token().await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Signs out but keeps the cookies, like a thief of them.
    pub async fn signs_out(&self) {
        let answer = self.call(Method::POST, "/api/auth/sign-out").await;
        assert_eq!(answer.status(), 200, "{answer:?}");
    }

    /// The decoded value of a cookie.
    pub fn cookie(&self, name: &str) -> String {
        let value = &self.cookies[name];
        percent_decode_str(value).decode_utf8().expect("UTF-8").into_owned()
    }

    /// This member as a caller of Rowkeep, with a new token.
    pub async fn at(&self, world: &World) -> Person {
        let token = self.token().await;
        let mut person = world.bearer(&token);
        person.id = claims(&token)["sub"].as_str().expect("a subject").to_owned();
        person
    }
}

/// The header of a token.
pub fn header(token: &str) -> Value {
    decoded(token.split('.').next())
}

/// The claims of a token.
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
