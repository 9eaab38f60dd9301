//! Servers that believe different signers, and what must hold when a table was run against one.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::forge::{Forge, Signer};
use super::table::{Row, Table};
use crate::http::key_pairs::{PAIRS, STRANGERS};
use crate::http::tokens::{authorized, not_believed};
use crate::world::{Answer, Issuer, World};

/// What the demanding servers demand.
const DEMANDED: &str = "https://todo.example/Team";

/// A server, everybody whose tokens it believes, and a trap.
pub struct Realm {
    pub name: &'static str,
    pub trap: Issuer,
    world: World,
    forges: Vec<Forge>,
    _issuer: Issuer,
}

impl Realm {
    /// A server with a secret, one with the keys of an issuer, one with both.
    pub async fn all() -> Vec<Self> {
        vec![
            Self::new("a secret", true, false, false).await,
            Self::new("keys", false, true, false).await,
            Self::new("a secret and keys", true, true, false).await,
        ]
    }

    /// The same; where an issuer does not imply what tokens must say, the settings do.
    pub async fn all_with_demands() -> Vec<Self> {
        vec![
            Self::new("a secret", true, false, true).await,
            Self::new("keys", false, true, false).await,
            Self::new("a secret and keys", true, true, true).await,
        ]
    }

    async fn new(name: &'static str, secret: bool, keys: bool, demanding: bool) -> Self {
        let issuer = Issuer::new(&PAIRS.each_ref()).await;
        let trap = Issuer::new(&STRANGERS.each_ref()).await;
        let url = issuer.url();
        let mut settings = Vec::new();
        if !secret {
            settings.push(("BETTER_AUTH_SECRET", ""));
        }
        if keys {
            settings.push(("BETTER_AUTH_URL", url.as_str()));
        }
        if demanding {
            settings.extend([("JWT_ISSUER", DEMANDED), ("JWT_AUDIENCE", DEMANDED)]);
        }
        let world = World::with(&settings).await;

        let mut forges = Vec::new();
        let demanded = demanding.then(|| DEMANDED.to_owned());
        let forge = |signer, demanded| Forge { signer, demanded, has_secret: secret, trap: trap.url() };
        if secret {
            forges.push(forge(Signer::Secret, demanded.clone()));
        }
        if keys {
            let demanded = demanded.unwrap_or(url);
            forges.extend(PAIRS.iter().map(|pair| forge(Signer::Pair(pair), Some(demanded.clone()))));
        }
        Self { name, trap, world, forges, _issuer: issuer }
    }

    /// Runs a table for each signer, and expects of each row the answer that it deserves, and of the server that it is
    /// none the worse for it.
    pub async fn holds(&self, name: &str, table: impl Fn(&Forge) -> Table) {
        let mut failed = Vec::new();
        let mut tokens = Vec::new();
        for forge in &self.forges {
            let Table(rows) = table(forge);
            assert!(rows.iter().any(|row| row.believed), "{name} has nothing that must be believed");
            for row in rows {
                let answer = authorized(&self.world, &[&format!("Bearer {}", row.token)]).await;
                if let Err(why) = deserved(&row, &answer) {
                    let (label, alg) = (&row.label, forge.alg());
                    failed.push(format!("{} | {alg} | {label}: {why}\n    {}", self.name, row.token));
                }
                tokens.push(row);
            }
        }

        for forge in &self.forges {
            let answer = self.world.bearer(&forge.honest()).get("/api/tasks").await;
            assert_eq!(answer.status(), 200, "{} after {name}: {answer:?}", forge.alg());
        }
        self.log_is_clean(&tokens, &failed).await;
        assert!(
            failed.is_empty(),
            "{name}: {} of {} rows\n{}",
            failed.len(),
            tokens.len(),
            failed.join("\n")
        );
    }

    /// Each refusal is logged, none is an error, and nothing of any token is in the log.
    async fn log_is_clean(&self, rows: &[Row], failed: &[String]) {
        let refused = rows.iter().filter(|row| !row.believed).count();
        let mut events: Vec<Value> = Vec::new();
        for _ in 0..1000 {
            events =
                self.world.server.log().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if logged(&events) >= refused || !failed.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if failed.is_empty() {
            assert_eq!(logged(&events), refused, "{}: refusals that are logged", self.name);
        }
        let errors: Vec<_> = events.iter().filter(|event| event["level"] == "ERROR").collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", self.name);

        let log = self.world.server.log().join("\n");
        assert!(!log.contains("alice"), "{}: a user's id is logged", self.name);
        let log: HashSet<&[u8]> = log.as_bytes().windows(SHORTEST_LEAK).collect();
        for row in rows {
            let leak = pieces(&row.token).find(|piece| log.contains(piece));
            assert_eq!(leak.map(String::from_utf8_lossy), None, "{} | {} is logged", self.name, row.label);
        }
    }
}

fn logged(events: &[Value]) -> usize {
    events.iter().filter(|event| event["message"] == "refused" && event["status"] == 401).count()
}

/// How much of a token, in characters, nobody writes by accident.
const SHORTEST_LEAK: usize = 8;

/// No part of a token is shorter than its header. What is shorter is a word around a token.
const SHORTEST_PART: usize = 16;

/// Everything of that length in the parts of a token.
fn pieces(token: &str) -> impl Iterator<Item = &[u8]> {
    let parts = token.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_');
    parts.filter(|part| part.len() >= SHORTEST_PART).flat_map(|part| part.as_bytes().windows(SHORTEST_LEAK))
}

fn deserved(row: &Row, answer: &Answer) -> Result<(), String> {
    if row.believed {
        return match answer.status() {
            200 => Ok(()),
            status => Err(format!("{status} instead of 200: {}", String::from_utf8_lossy(&answer.body))),
        };
    }
    not_believed(answer)?;

    let said = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    let said: HashSet<&[u8]> = said.as_bytes().windows(SHORTEST_LEAK).collect();
    match pieces(&row.token).find(|piece| said.contains(piece)) {
        None => Ok(()),
        Some(piece) => Err(format!("the answer has {} of the token", String::from_utf8_lossy(piece))),
    }
}
