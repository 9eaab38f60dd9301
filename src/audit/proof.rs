//! Proof by execution: what happens when A, nobody, and somebody with an empty name try to reach the rows of B.
//!
//! Everything runs as requests do, as `rowkeep_api`, in a transaction that is rolled back. Nothing is left of it but
//! the numbers that the identity columns have given out, which Postgres does not take back.

mod attempt;
mod trial;

use tokio_postgres::{Client, Error};

use super::report::{Fact, Verdict};
use super::{BEGIN, ROLLBACK};
use crate::database::{Address, describe};
use attempt::Attempt;
use trial::Trial;

const PROOF: &str = include_str!("../../sql/audit/proof.sql");
const IDENTITY_LEFT: &str = include_str!("../../sql/audit/identity_left.sql");
const IDENTIFY: &str = include_str!("../../sql/session/identify.sql");
const OPEN: &str = include_str!("../../sql/session/begin_read.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");

/// A and B: names that no user has.
struct People {
    a: String,
    b: String,
}

impl People {
    fn new() -> Option<Self> {
        let name = || {
            let mut bytes = [0; 16];
            aws_lc_rs::rand::fill(&mut bytes).ok()?;
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        };
        Some(Self { a: format!("rowkeep audit A {}", name()?), b: format!("rowkeep audit B {}", name()?) })
    }
}

/// Tries everything on every table of schema app. `client` is a session that nobody has used yet.
///
/// # Errors
/// What the database said where nobody tried anything yet.
pub(super) async fn prove(address: &Address, client: &Client) -> Result<Vec<Fact>, Error> {
    let Some(people) = People::new() else {
        return Ok(vec![fail("not tried: this machine has no randomness")]);
    };
    client.batch_execute(BEGIN).await?;
    let script = client.query(PROOF, &[&people.b]).await;
    client.batch_execute(ROLLBACK).await?;
    let script: Vec<Attempt> = match script {
        Ok(rows) => rows.iter().map(Attempt::read).collect::<Result<_, _>>()?,
        Err(error) => return Ok(vec![fail(format!("not tried: {}", describe(&error))).mended_by(ABOVE)]),
    };
    if script.is_empty() {
        return Ok(vec![fail("not tried: there is no table in app").mended_by("rowkeep migrate")]);
    }

    let mut facts = Vec::new();
    for script in script.chunk_by(|one, next| one.relation == next.relation) {
        // A session of its own for each table: in one that has had an identity, nobody's is not quite the same.
        match address.connect().await {
            Ok(client) => facts.extend(Trial::new(client, &people, script).facts().await),
            Err(error) => facts.push(fail(format!("not tried: {error}")).mended_by(ABOVE)),
        }
    }
    // What keeps all of them from being tried is told once.
    facts.dedup_by(|one, next| one.text == next.text);
    if facts.iter().all(|fact| fact.verdict != Verdict::Note) {
        facts.push(left_behind(client, &people).await?);
    }
    Ok(facts)
}

/// Whether an identity ends with its transaction, when that is committed. It has written nothing.
async fn left_behind(client: &Client, people: &People) -> Result<Fact, Error> {
    let before = client.query_one(IDENTITY_LEFT, &[]).await?;
    client.batch_execute(OPEN).await?;
    let identified = client.execute(IDENTIFY, &[&people.a]).await;
    client.batch_execute(COMMIT).await?;
    let after = client.query_one(IDENTITY_LEFT, &[]).await?;

    let role = |row: &tokio_postgres::Row| row.try_get::<_, String>("role");
    Ok(match identified {
        Err(error) => fail(format!("nobody can say who they are: {}", describe(&error))).mended_by(RESTORE),
        Ok(_) if after.try_get::<_, &str>("user_id")?.is_empty() && role(&before)? == role(&after)? => {
            Fact::new(Verdict::Ok, "proof", "an identity and its role end with their transaction")
        }
        Ok(_) => {
            fail("an identity or its role outlives its transaction: the next to use the connection has it")
                .mended_by(RESTORE)
        }
    })
}

/// Where the catalogue has said already what is wrong.
const ABOVE: &str = "mend what fails above, and run it again";

const RESTORE: &str = "restore app.identify(text) from migrations/V4__cheaper_identity.sql";

fn fail(text: impl Into<String>) -> Fact {
    Fact::new(Verdict::Fail, "proof", text)
}
