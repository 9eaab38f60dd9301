//! Proof by execution: user A, a session without an identity and one with an empty identity try to reach the rows of B.
//!
//! Every statement runs as requests do: as `rowkeep_api`, in a transaction that is rolled back. Only the values that the
//! identity columns have used remain, because Postgres does not take them back.

mod attempt;
mod table_proof;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::report::{Finding, Verdict};
use super::{BEGIN, ROLLBACK};
use crate::database::{Address, describe};
use crate::session::connect_once;
use attempt::Attempt;
use table_proof::TableProof;

const PROOF: &str = include_str!("../../sql/audit/proof.sql");
const IDENTITY_LEFT: &str = include_str!("../../sql/audit/identity_left.sql");
const IDENTIFY: &str = include_str!("../../sql/session/identify.sql");
const BEGIN_READ: &str = include_str!("../../sql/session/begin_read.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");

/// The users A and B of the proof. Their ids are random, so that no real user has them.
struct TestUsers {
    a: String,
    b: String,
}

impl TestUsers {
    fn new() -> Option<Self> {
        let name = || {
            let mut bytes = [0; 16];
            aws_lc_rs::rand::fill(&mut bytes).ok()?;
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        };
        Some(Self { a: format!("rowkeep audit A {}", name()?), b: format!("rowkeep audit B {}", name()?) })
    }
}

/// The facts of the proof for every table of schema app. `client` must be a new session.
///
/// # Errors
/// Fails with the error of the database, if it occurs outside the statements of the proof.
pub(super) async fn prove(address: &Address, client: &Client) -> Result<Vec<Finding>, Error> {
    let Some(users) = TestUsers::new() else {
        return Ok(vec![fail("not tried: this machine provides no random numbers")]);
    };
    client.batch_execute(BEGIN).await?;
    let script = client.query_typed(PROOF, &[(&users.b, Type::TEXT)]).await;
    client.batch_execute(ROLLBACK).await?;
    let script: Vec<Attempt> = match script {
        Ok(rows) => rows.iter().map(Attempt::read).collect::<Result<_, _>>()?,
        Err(error) => return Ok(vec![fail(format!("not tried: {}", describe(&error))).with_fix(ABOVE)]),
    };
    if script.is_empty() {
        return Ok(vec![fail("not tried: there is no table in app").with_fix("rowkeep migrate")]);
    }

    let mut facts = Vec::new();
    for script in script.chunk_by(|one, next| one.relation == next.relation) {
        // Each table gets a new session: after an identity, the setting app.user_id is empty and not unset.
        match connect_once(address).await {
            Ok(client) => facts.extend(TableProof::new(client, &users, script).facts().await),
            Err(error) => facts.push(fail(format!("not tried: {error}")).with_fix(ABOVE)),
        }
    }
    // A reason that concerns all tables is reported once.
    facts.dedup_by(|one, next| one.subject == next.subject);
    if facts.iter().all(|fact| fact.verdict != Verdict::Note) {
        facts.push(identity_after_commit(client, &users).await?);
    }
    Ok(facts)
}

/// Checks that the identity and the role end with a committed transaction. The transaction writes nothing.
async fn identity_after_commit(client: &Client, users: &TestUsers) -> Result<Finding, Error> {
    let before = identity_left(client).await?;
    client.batch_execute(BEGIN_READ).await?;
    let identified = client.query_typed(IDENTIFY, &[(&users.a, Type::TEXT)]).await;
    client.batch_execute(COMMIT).await?;
    let after = identity_left(client).await?;

    Ok(match identified {
        Err(error) => fail(format!("app.identify(text) failed: {}", describe(&error))).with_fix(ABOVE),
        Ok(_) if after.0.is_empty() && before.1 == after.1 => {
            Finding::proof(Verdict::Ok, "an identity and its role end with their transaction")
        }
        Ok(_) => fail(
            "an identity or its role remains after its transaction, for the next request on the connection",
        )
        .with_fix(LEFT),
    })
}

/// The user and the role of the session.
async fn identity_left(client: &Client) -> Result<(String, String), Error> {
    let rows = client.query_typed(IDENTITY_LEFT, &[]).await?;
    let Some(row) = rows.first() else { return Ok(("(unknown)".into(), String::new())) };
    Ok((row.try_get("user_id")?, row.try_get("role")?))
}

/// The fix if an earlier line of the report names the cause.
const ABOVE: &str = "by hand: fix the lines above that fail, and run the audit again";

/// A setting of the connection is in no line above.
const LEFT: &str = "by hand: fix the lines above that fail; if there is none, DATABASE_URL sets role or app.user_id in its options";

fn fail(text: impl Into<String>) -> Finding {
    Finding::proof(Verdict::Fail, text)
}
