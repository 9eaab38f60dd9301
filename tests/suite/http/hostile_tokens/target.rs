//! Servers that accept different signers, and the checks after a table ran against one.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Mutex, OnceCell};

use super::forge::{Forge, Signer};
use super::table::{Row, Table};
use crate::http::key_pairs::{PAIRS, UNKNOWN_PAIRS};
use crate::http::tokens::{authorized_request, check_invalid_token};
use crate::world::{Answer, Connection, Issuer, SHARED_USERS, Watcher, World};

/// The issuer and audience that servers with claim rules require.
const REQUIRED: &str = "https://todo.example/Team";

/// A server, every signer whose tokens it accepts, and a trap: a server that must get no request.
pub struct Target {
    pub name: &'static str,
    pub trap: Issuer,
    _watcher: Watcher,
    world: World,
    forges: Vec<Forge>,
    _issuer: Issuer,
}

impl Target {
    /// A server with a secret, one with the keys of an issuer, one with both. All tables run against the same servers, one
    /// at a time.
    pub async fn all() -> &'static [Mutex<Self>; 3] {
        static ALL: OnceCell<[Mutex<Target>; 3]> = OnceCell::const_new();
        ALL.get_or_init(async || {
            // The issuers and the traps must outlive the test that comes first.
            let made = issuers().spawn(async {
                [
                    Mutex::new(Self::new("a secret", true, false, false).await),
                    Mutex::new(Self::new("keys", false, true, false).await),
                    Mutex::new(Self::new("a secret and keys", true, true, false).await),
                ]
            });
            made.await.expect("three servers")
        })
        .await
    }

    /// The same with `JWT_ISSUER` and `JWT_AUDIENCE`, where they do not follow from the URL of the issuer.
    pub async fn all_with_claim_rules() -> Vec<Self> {
        vec![
            Self::new("a secret", true, false, true).await,
            Self::new("keys", false, true, false).await,
            Self::new("a secret and keys", true, true, true).await,
        ]
    }

    async fn new(name: &'static str, secret: bool, keys: bool, strict: bool) -> Self {
        let issuer = Issuer::new(&PAIRS.each_ref()).await;
        let trap = Issuer::new(&UNKNOWN_PAIRS.each_ref()).await;
        let url = issuer.url();
        let mut settings = Vec::new();
        if !secret {
            settings.push(("BETTER_AUTH_SECRET", ""));
        }
        if keys {
            settings.push(("BETTER_AUTH_URL", url.as_str()));
        }
        if secret && keys {
            settings.push(SHARED_USERS);
        }
        // The keys have the issuer and the audience of their URL.
        let of_secret = format!("BETTER_AUTH_SECRET={REQUIRED}");
        if strict {
            settings.extend([("JWT_ISSUER", &*of_secret), ("JWT_AUDIENCE", &*of_secret)]);
        }
        let world = World::with(&settings).await;
        let watcher = world.server.end_with_this_process();

        let mut forges = Vec::new();
        let required = strict.then(|| REQUIRED.to_owned());
        let forge = |signer, required| Forge { signer, required, has_secret: secret, trap: trap.url() };
        if secret {
            forges.push(forge(Signer::Secret, required));
        }
        if keys {
            forges.extend(PAIRS.iter().map(|pair| forge(Signer::Pair(pair), Some(url.clone()))));
        }
        Self { name, trap, _watcher: watcher, world, forges, _issuer: issuer }
    }

    /// Runs a table for each signer. Checks the answer to each row, the log, and that the server still accepts valid
    /// tokens.
    pub async fn check(&self, name: &str, table: impl Fn(&Forge) -> Table) {
        self.world.server.forget_log();
        let mut failed = Vec::new();
        let mut tokens = Vec::new();
        let mut answers = String::new();
        let mut connection = Connection::new(self.world.server.address);
        for forge in &self.forges {
            let Table(rows) = table(forge);
            assert!(rows.iter().any(|row| row.is_accepted), "{name} has no row that must be accepted");
            for row in rows {
                let bearer = format!("Bearer {}", row.token);
                let answer = connection.send(authorized_request(&self.world, &[&bearer])).await;
                if let Err(why) = check_answer(&row, &answer) {
                    let (label, alg) = (&row.label, forge.alg());
                    failed.push(format!("{} | {alg} | {label}: {why}\n    {}", self.name, row.token));
                }
                if !row.is_accepted {
                    answers += &format!("{:?} {}\n", answer.headers, String::from_utf8_lossy(&answer.body));
                }
                tokens.push(row);
            }
        }

        for forge in &self.forges {
            let answer = self.world.bearer(&forge.valid()).get("/api/tasks").await;
            assert_eq!(answer.status(), 200, "{} after {name}: {answer:?}", forge.alg());
        }
        let log = self.check_log(&tokens, &failed).await;
        self.check_leaks(&tokens, &(log + &answers));
        assert!(
            failed.is_empty(),
            "{name}: {} of {} rows\n{}",
            failed.len(),
            tokens.len(),
            failed.join("\n")
        );
    }

    /// Each refusal is logged, and none as an error. Returns the log.
    async fn check_log(&self, rows: &[Row], failed: &[String]) -> String {
        let refused = rows.iter().filter(|row| !row.is_accepted).count();
        let mut events: Vec<Value> = Vec::new();
        for _ in 0..1000 {
            let log = self.world.server.log();
            let new = log.get(events.len()..).unwrap_or_default();
            events.extend(new.iter().map(|line| serde_json::from_str(line).unwrap_or_default()));
            if count_refused(&events) >= refused || !failed.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if failed.is_empty() {
            assert_eq!(count_refused(&events), refused, "{}: logged refusals", self.name);
        }
        let errors: Vec<_> = events.iter().filter(|event| event["log.level"] == "error").collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", self.name);

        let log = self.world.server.log().join("\n");
        assert!(!log.contains("alice"), "{}: a user's id is logged", self.name);
        log
    }

    /// No part of any token is in the log or in the answer to a wrong token.
    fn check_leaks(&self, rows: &[Row], texts: &str) {
        // Lines and answers repeat most of their words.
        let words: HashSet<&[u8]> =
            texts.as_bytes().split(is_between).filter(|word| word.len() >= SHORTEST_LEAK).collect();
        let texts: HashSet<Piece> = words.into_iter().flat_map(pieces_of).collect();
        // Tokens of one table have most of their parts in common.
        let mut checked = HashSet::new();
        for row in rows {
            for part in parts(&row.token).filter(|part| checked.insert(*part)) {
                let leak = pieces_of(part).find(|piece| texts.contains(piece)).map(u64::to_be_bytes);
                let leak = leak.as_ref().map(|piece| String::from_utf8_lossy(piece));
                assert_eq!(leak, None, "{} | {} is in the log or in an answer", self.name, row.label);
            }
        }
    }
}

fn count_refused(events: &[Value]) -> usize {
    events
        .iter()
        .filter(|event| event["message"] == "refused" && event["http.response.status_code"] == 401)
        .count()
}

/// The runtime of the issuers and traps that all tables share.
fn issuers() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        std::mem::forget(runtime);
        handle
    })
}

/// The shortest piece of a token that counts as a leak: eight characters, as one number, which is quick to compare. A
/// shorter one can be there by chance.
type Piece = u64;

/// The characters of a piece.
const SHORTEST_LEAK: usize = size_of::<Piece>();

/// Shorter parts are words around a token: the shortest part of a token is its header.
const SHORTEST_PART: usize = 16;

/// The parts of a token.
fn parts(token: &str) -> impl Iterator<Item = &[u8]> {
    token.as_bytes().split(is_between).filter(|part| part.len() >= SHORTEST_PART)
}

/// All pieces of a text of letters, digits, `-` and `_`.
fn pieces_of(text: &[u8]) -> impl Iterator<Item = Piece> {
    let (start, rest) = text.split_at(SHORTEST_LEAK - 1);
    let start = start.iter().fold(0, with);
    rest.iter().scan(start, |piece, byte| {
        *piece = with(*piece, byte);
        Some(*piece)
    })
}

/// The piece that ends one character later.
fn with(piece: Piece, byte: &u8) -> Piece {
    piece << 8 | Piece::from(*byte)
}

/// Whether a byte is no part of a token.
fn is_between(byte: &u8) -> bool {
    !byte.is_ascii_alphanumeric() && *byte != b'-' && *byte != b'_'
}

fn check_answer(row: &Row, answer: &Answer) -> Result<(), String> {
    if row.is_accepted {
        return match answer.status() {
            200 => Ok(()),
            status => Err(format!("{status} instead of 200: {}", String::from_utf8_lossy(&answer.body))),
        };
    }
    check_invalid_token(answer)
}
