//! The text of a JWK set (RFC 7517, section 5) to keys; those that cannot be used do not matter to the others.

use std::sync::Arc;

use serde_json::Value;

use super::claims::Expected;
use super::key::{self, Key};
use super::ring::Set;

/// How many entries a set has at most: an issuer has a key or two, and as many again while it changes them.
const MOST: usize = 100;

/// The entries of a set.
///
/// # Errors
/// When the text is no key set. Says nothing of what is in it: that could be a private key.
pub(super) fn entries(text: &[u8]) -> Result<Vec<Value>, String> {
    let set: Value = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("it is no JSON: look at line {line}, column {column}")
    })?;
    // Not a type of its own: to the parser a list would be one as well.
    let keys = match set {
        Value::Object(mut members) => members.remove("keys"),
        _ => None,
    };
    let Some(Value::Array(keys)) = keys else {
        return Err("it is no JSON object with a list of keys".into());
    };
    if keys.len() > MOST {
        return Err(format!("it has {} keys; {MOST} are read at most", keys.len()));
    }
    Ok(keys)
}

/// The keys of a set, with a warning for each entry that cannot be used.
pub(super) fn keys(text: &[u8], expected: &Arc<Expected>, source: &str) -> Set {
    let mut all: Vec<Arc<Key>> = Vec::new();
    for entry in entries(text).unwrap_or_default() {
        match key::of_jwk(&entry, expected) {
            Ok(keys) => {
                for key in keys {
                    let is_named_alike =
                        |known: &Arc<Key>| known.kid == key.kid && known.algorithm == key.algorithm;
                    // The same key twice is one.
                    if all.iter().any(|known| known.is_same_as(&key)) {
                        continue;
                    }
                    if all.iter().any(is_named_alike) {
                        let kid = key.kid.as_deref().unwrap_or_default();
                        tracing::warn!(
                            kid,
                            source,
                            "two keys of one name and algorithm: neither can be meant"
                        );
                    }
                    all.push(Arc::new(key));
                }
            }
            Err(reason) => {
                let kid: String =
                    entry.get("kid").and_then(Value::as_str).unwrap_or_default().chars().take(255).collect();
                tracing::warn!(kid, source, reason, "key skipped");
            }
        }
    }
    all.into()
}

/// Names every key that came and went.
pub(super) fn say_what_changed(old: &Set, new: &Set, source: &str) {
    for key in new.iter().filter(|key| !old.iter().any(|old| old.is_same_as(key))) {
        say_loaded(key, source);
    }
    for key in old.iter().filter(|key| !new.iter().any(|new| new.is_same_as(key))) {
        let kid = key.kid.as_deref().unwrap_or_default();
        tracing::info!(kid, algorithm = ?key.algorithm, source, "key retired");
    }
    if new.is_empty() {
        tracing::warn!(source, "the key set has no key that can be used");
    }
}

/// Names a key that tokens are verified with from now on.
pub(super) fn say_loaded(key: &Key, source: &str) {
    tracing::info!(kid = key.kid.as_deref().unwrap_or_default(), algorithm = ?key.algorithm, source, "key loaded");
}
