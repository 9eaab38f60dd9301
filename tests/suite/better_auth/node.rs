//! Starts real Better Auth servers in their own process: `tests/better-auth/server.mjs`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, ORIGIN};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;

use crate::world::{Answer, SECRET, World, send};

/// The algorithms of Better Auth that Rowkeep verifies. Better Auth has one more, ES512.
pub const ALGORITHMS: [&str; 4] = ["EdDSA", "ES256", "RS256", "PS256"];

/// The Better Auth servers of one test: one of each kind in `server.mjs`.
pub struct Node {
    origins: BTreeMap<String, String>,
    process: Child,
}

impl Node {
    /// Starts them.
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let missing = "Better Auth is not installed: run `make test-all`, which installs it";
        assert!(root.join("examples/node_modules/better-auth").is_dir(), "{missing}");

        // Where `.ci/node` installs Node.js, if the system has none that is new enough.
        let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/target/node/bin");
        let path = format!("{installed}:{}", std::env::var("PATH").unwrap_or_default());

        // The process ends when its standard input closes: even if the tests are killed, it does not stay.
        let mut process = Command::new("node")
            .arg("server.mjs")
            .current_dir(root.join("tests/better-auth"))
            .env_clear()
            .env("PATH", path)
            .env("BETTER_AUTH_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect(missing);
        let mut line = String::new();
        let out = process.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line of server.mjs");
        let origins = serde_json::from_str(&line).expect("the origins that server.mjs listens on");
        Self { origins, process }
    }

    /// The server of this kind.
    pub fn better_auth(&self, kind: &str) -> BetterAuth {
        BetterAuth { origin: self.origins[kind].clone() }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Better Auth server.
#[derive(Clone, Debug)]
pub struct BetterAuth {
    /// The issuer and audience of its tokens.
    pub origin: String,
}

impl BetterAuth {
    /// A Rowkeep that accepts the tokens of this server and no others.
    pub async fn trusted(&self) -> World {
        trusting(&self.origin).await
    }

    /// Lets the signing key expire. Better Auth signs the next token with a new key, and still publishes the old one.
    pub async fn rotates(&self) {
        self.control("/control/rotate").await;
    }

    /// Removes expired keys from the key set.
    pub async fn retires_old_keys(&self) {
        self.control("/control/retire").await;
    }

    async fn control(&self, path: &str) {
        let answer = self.call(Method::POST, path, "", None).await;
        assert_eq!(answer.status(), 204, "{answer:?}");
    }

    /// Calls it like a page of its own origin: Better Auth accepts cookies from no other origin.
    pub async fn call(&self, method: Method, path: &str, cookies: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(ORIGIN, &self.origin);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");

        let address = self.origin.trim_start_matches("http://").parse().expect("an address");
        send(address, request).await
    }
}

/// A Rowkeep with this `BETTER_AUTH_URL` and no other setting about tokens.
pub async fn trusting(url: &str) -> World {
    World::with(&[("BETTER_AUTH_SECRET", ""), ("BETTER_AUTH_URL", url)]).await
}
