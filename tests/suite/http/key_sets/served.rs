//! Servers that read a key set.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::tokens::{check_invalid_token, claims};
use crate::operation::program::Directory;
use crate::world::{Issuer, Reply, World};

/// A server with one key set, and valid claims for it.
pub struct Served {
    pub setting: &'static str,
    pub world: World,
    pub claims: Value,
    _issuer: Issuer,
    _directory: Directory,
}

impl Served {
    /// One server for each setting that can name a key set.
    pub async fn all(keys: &[Value]) -> Vec<Self> {
        let mut all = Vec::new();
        for setting in ["BETTER_AUTH_URL", "JWKS_URL", "JWKS_FILE"] {
            all.push(Self::new(setting, keys).await);
        }
        all
    }

    async fn new(setting: &'static str, keys: &[Value]) -> Self {
        let (issuer, directory) = (Issuer::new(&[]).await, Directory::new());
        let text = json!({ "keys": keys }).to_string();
        issuer.reply("/keys", Reply::new(text.clone()));
        issuer.publish(keys);
        directory.write("keys.json", &text);
        let location = match setting {
            "BETTER_AUTH_URL" => issuer.url(),
            "JWKS_URL" => format!("{}/keys", issuer.url()),
            _ => directory.0.join("keys.json").display().to_string(),
        };
        let url = issuer.url();
        let accepted = [("JWT_ISSUER", &*url), ("JWT_AUDIENCE", &*url)];
        let mut settings = vec![("BETTER_AUTH_SECRET", ""), (setting, &*location)];
        settings.extend(accepted.iter().filter(|_| setting != "BETTER_AUTH_URL"));
        let world = World::with(&settings).await;
        let claims = claims(json!({ "iss": issuer.url(), "aud": issuer.url() }));
        Self { setting, world, claims, _issuer: issuer, _directory: directory }
    }

    /// Why the token is refused; none if it is accepted.
    pub async fn refusal(&self, token: &str) -> Option<String> {
        refusal(&self.world, token).await
    }

    /// The log events with this message: of each the `kid` and one other field.
    pub fn logged(&self, message: &str, field: &str) -> BTreeSet<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let events = self.world.server.log().into_iter().filter_map(|line| serde_json::from_str(&line).ok());
        let events = events.filter(|event: &Value| event["message"] == message);
        events
            .map(|event| {
                let source = text(&event["rowkeep.key_source"]);
                assert!(source.starts_with(&format!("{} ", self.setting)), "{event}");
                (text(&event["rowkeep.key_id"]), text(&event[field]))
            })
            .collect()
    }
}

/// Why the server refuses the token; none if it accepts it.
pub async fn refusal(world: &World, token: &str) -> Option<String> {
    let answer = world.bearer(token).get("/api/tasks").await;
    match check_invalid_token(&answer) {
        Ok(()) => Some(answer.detail()),
        Err(why) => {
            assert_eq!(answer.status(), 200, "{why}: {answer:?}");
            None
        }
    }
}

/// A JWK with some members changed. Null removes a member.
pub fn changed(jwk: &Value, changes: Value) -> Value {
    let mut jwk = jwk.clone();
    let members = jwk.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    jwk
}

/// A header with `alg` and `kid`.
pub fn header_with_kid(alg: &str, kid: &str) -> Value {
    json!({ "alg": alg, "kid": kid })
}
