//! Proof by execution: what happens when A, nobody, and somebody with an empty name try to reach the rows of B.
//!
//! Everything runs as requests do, as `rowkeep_api`, in a transaction that is rolled back. Nothing is left of it but
//! the numbers that the identity columns have given out, which Postgres does not take back.

use tokio_postgres::{Client, Error, Row, SimpleQueryMessage, Statement};

use super::report::{Fact, Verdict};
use crate::database::{Address, logged};

const PROOF: &str = include_str!("../../sql/audit/proof.sql");
const BEGIN: &str = include_str!("../../sql/audit/proof_begin.sql");
const SAVEPOINT: &str = include_str!("../../sql/audit/savepoint.sql");
const BACK: &str = include_str!("../../sql/audit/rollback_to_savepoint.sql");
const EMPTY: &str = include_str!("../../sql/audit/empty_identity.sql");
const ASSUME_ROLE: &str = include_str!("../../sql/session/assume_role.sql");
const IDENTIFY: &str = include_str!("../../sql/session/identify.sql");

/// How often a prepared statement is run as A before it is run as B: after five times Postgres considers a plan for
/// every value (PostgreSQL manual, PREPARE).
const RUNS: usize = 7;

/// What somebody tries, and how it must end.
struct Attempt {
    relation: String,
    phase: String,
    actor: String,
    what: String,
    statement: String,
    wanted: String,
}

/// How it ended.
enum Outcome {
    /// Whose rows were shown, and how many rows it touched.
    Done {
        owners: Vec<String>,
        rows: u64,
    },
    Refused(Error),
}

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

/// Tries everything on every table of schema app.
///
/// # Errors
/// What the database said where nobody tried anything yet.
pub(super) async fn prove(address: &Address, client: &Client) -> Result<Vec<Fact>, Error> {
    let Some(people) = People::new() else {
        return Ok(vec![fail("not tried: this machine has no randomness")]);
    };
    client.batch_execute(super::BEGIN).await?;
    let script = client.query(PROOF, &[&people.b]).await;
    client.batch_execute(super::ROLLBACK).await?;
    let script: Vec<Attempt> = match script {
        Ok(rows) => rows.iter().map(attempt).collect::<Result<_, _>>()?,
        Err(error) => return Ok(vec![fail(format!("not tried: {}", logged(&error)))]),
    };
    if script.is_empty() {
        return Ok(vec![fail("not tried: there is no table in app")]);
    }

    let mut facts = Vec::new();
    for script in script.chunk_by(|one, next| one.relation == next.relation) {
        // A session of its own for each table: in one that has had an identity, nobody's is not quite the same.
        let client = match address.connect().await {
            Ok(client) => client,
            Err(error) => {
                facts.push(fail(format!("not tried: {error}")));
                break;
            }
        };
        let mut trial = Trial { client, people: &people, script, facts: Vec::new() };
        if let Err(error) = trial.run().await {
            trial.facts.push(fail(format!("{}: broken off: {}", trial.relation(), logged(&error))));
        }
        facts.append(&mut trial.facts);
    }
    // Told once, and not for every table.
    facts.dedup_by(|one, next| one.text == next.text);
    Ok(facts)
}

fn attempt(row: &Row) -> Result<Attempt, Error> {
    Ok(Attempt {
        relation: row.try_get("relation")?,
        phase: row.try_get("phase")?,
        actor: row.try_get("actor")?,
        what: row.try_get("what")?,
        statement: row.try_get("statement")?,
        wanted: row.try_get("wanted")?,
    })
}

fn fail(text: impl Into<String>) -> Fact {
    Fact::new(Verdict::Fail, "proof", text)
}

/// One table's script, in one session.
struct Trial<'a> {
    client: Client,
    people: &'a People,
    script: &'a [Attempt],
    facts: Vec<Fact>,
}

impl<'a> Trial<'a> {
    async fn run(&mut self) -> Result<(), Error> {
        self.client.batch_execute(BEGIN).await?;
        if let Err(error) = self.client.batch_execute(ASSUME_ROLE).await {
            self.facts.push(not_tried(&error));
            return Ok(());
        }
        self.client.batch_execute(super::ROLLBACK).await?;
        self.client.batch_execute(BEGIN).await?;

        let nobodys = self.attack("nobody", &[]).await?;
        if let Some(fact) = self.make_rows().await? {
            self.facts.push(fact);
            return Ok(());
        }
        let before = self.rows_of_b().await?;
        let attacks = self.attack("attack", &before).await?;
        let prepared = self.try_prepared(before.len()).await?;
        self.client.batch_execute(super::ROLLBACK).await?;

        if nobodys && attacks && prepared {
            self.say_it_held(before.len());
        }
        Ok(())
    }

    fn relation(&self) -> &'a str {
        self.script.first().map_or("", |attempt| attempt.relation.as_str())
    }

    fn attempts(&self, phase: &'static str) -> impl Iterator<Item = &'a Attempt> + use<'a> {
        self.script.iter().filter(move |attempt| attempt.phase == phase)
    }

    fn say_it_held(&mut self, rows: usize) {
        let relation = self.relation();
        let of = |actor: &str| {
            let attempts = self.script.iter().filter(|attempt| attempt.actor == actor);
            attempts.filter(|attempt| ["nobody", "attack"].contains(&attempt.phase.as_str())).count()
        };
        let (a, nobody, empty) = (of("A"), of("nobody"), of("empty"));
        let texts = [
            format!(
                "{relation}: {a} of {a} statements of A against {rows} rows of B: none seen, none changed (rolled back)"
            ),
            format!("{relation}: one prepared statement under two identities and none: to each their own"),
            format!("{relation}: no identity: {nobody} of {nobody} statements see and change nothing"),
            format!("{relation}: an empty identity: {empty} of {empty} statements see and change nothing"),
        ];
        self.facts.extend(texts.map(|text| Fact::new(Verdict::Ok, "proof", text)));
    }

    /// Makes the rows that are to be reached for; why that was not possible.
    async fn make_rows(&self) -> Result<Option<Fact>, Error> {
        for attempt in self.attempts("rows") {
            self.become_actor(&attempt.actor).await?;
            if let Err(error) = self.client.batch_execute(&attempt.statement).await {
                let text = format!(
                    "{}: not tried, since no row could be made: {}: {}",
                    attempt.relation,
                    attempt.what,
                    logged(&error)
                );
                return Ok(Some(fail(text).mended_by("rowkeep migrate --reapply-policies")));
            }
        }
        Ok(None)
    }

    async fn rows_of_b(&self) -> Result<Vec<String>, Error> {
        self.become_actor("B").await?;
        let mut rows = Vec::new();
        for attempt in self.attempts("look") {
            rows.extend(shown(&self.client.simple_query(&attempt.statement).await?));
        }
        Ok(rows)
    }

    /// Runs the attempts of a phase, each from the same state; whether every one ended as it must.
    async fn attack(&mut self, phase: &'static str, before: &[String]) -> Result<bool, Error> {
        let mut held = true;
        for attempt in self.attempts(phase) {
            self.client.batch_execute(SAVEPOINT).await?;
            let problem = self.try_one(attempt, before).await?;
            self.client.batch_execute(BACK).await?;
            if let Some(problem) = problem {
                held = false;
                let text = format!(
                    "{}: {} as {}: {problem} (rolled back)",
                    attempt.relation, attempt.what, attempt.actor
                );
                self.facts
                    .push(fail(text).mended_by("rowkeep migrate --reapply-policies, and what is said above"));
            }
        }
        Ok(held)
    }

    async fn try_one(&self, attempt: &Attempt, before: &[String]) -> Result<Option<String>, Error> {
        self.become_actor(&attempt.actor).await?;
        let outcome = match self.client.simple_query(&attempt.statement).await {
            Ok(messages) => Outcome::Done { owners: shown(&messages), rows: touched(&messages) },
            Err(error) if error.is_closed() => return Err(error),
            Err(error) => return Ok(self.judge(attempt, &Outcome::Refused(error))),
        };
        if let Some(problem) = self.judge(attempt, &outcome) {
            return Ok(Some(problem));
        }
        if attempt.phase == "attack" && self.rows_of_b().await? != before {
            return Ok(Some("B's rows are not what they were".into()));
        }
        Ok(None)
    }

    /// What is wrong with how an attempt ended.
    fn judge(&self, attempt: &Attempt, outcome: &Outcome) -> Option<String> {
        let made =
            |attempt: &&Attempt| attempt.actor == "A" && attempt.what.ends_with(attempt.relation.as_str());
        let own = self.attempts("rows").filter(made).count() as u64;
        match (attempt.wanted.as_str(), outcome) {
            ("refused", Outcome::Refused(error)) => {
                // insufficient_privilege; not_null_violation where the user would be nobody
                let code = error.code().map(|state| state.code().to_owned()).unwrap_or_default();
                let refused = code == "42501" || code == "23502" && attempt.actor != "A";
                (!refused).then(|| format!("was not refused, but failed with {}", logged(error)))
            }
            ("refused", Outcome::Done { .. }) => Some("was not refused".into()),
            (_, Outcome::Refused(error)) => Some(format!("failed with {}", logged(error))),
            ("own", Outcome::Done { owners, .. }) => {
                let others = owners.iter().filter(|owner| **owner != self.people.a).count();
                if others > 0 {
                    Some(format!("showed {others} rows of others"))
                } else {
                    (owners.len() as u64 != own).then(|| format!("showed {} of A's {own} rows", owners.len()))
                }
            }
            ("no rows", Outcome::Done { owners, .. }) => {
                (!owners.is_empty()).then(|| format!("showed {} rows of others", owners.len()))
            }
            ("changes own", Outcome::Done { rows, .. }) => {
                (*rows != own).then(|| format!("reached {rows} rows, and {own} are A's"))
            }
            (_, Outcome::Done { rows, .. }) => (*rows != 0).then(|| format!("reached {rows} rows of others")),
        }
    }

    /// One prepared statement, run as A until Postgres keeps its plan, then as B, then as nobody.
    async fn try_prepared(&mut self, rows_of_b: usize) -> Result<bool, Error> {
        let Some(attempt) = self.attempts("prepared").next() else { return Ok(true) };
        let statement = self.client.prepare(&attempt.statement).await?;
        let people = [vec![self.people.a.as_str(); RUNS], vec![self.people.b.as_str(), ""]].concat();

        let mut found = Vec::new();
        for person in people {
            self.client.batch_execute(SAVEPOINT).await?;
            let others = self.others_shown(&statement, person, rows_of_b).await?;
            self.client.batch_execute(BACK).await?;
            found.extend(others);
        }
        let held = found.is_empty();
        if let Some(problem) = found.into_iter().next() {
            let text = format!("{}: {}: {problem} (rolled back)", attempt.relation, attempt.what);
            self.facts.push(fail(text).mended_by("see identity above"));
        }
        Ok(held)
    }

    async fn others_shown(
        &self,
        statement: &Statement,
        person: &str,
        rows_of_b: usize,
    ) -> Result<Option<String>, Error> {
        if person.is_empty() {
            self.become_actor("empty").await?;
        } else {
            self.client.execute(IDENTIFY, &[&person]).await?;
        }
        let rows = self.client.query(statement, &[]).await?;
        let owners: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let who = if person == self.people.a {
            "A"
        } else if person.is_empty() {
            "nobody"
        } else {
            "B"
        };
        if owners.iter().any(|owner| owner != person) {
            return Ok(Some(format!("showed {who} rows of others")));
        }
        let lost = who == "B" && owners.len() != rows_of_b;
        Ok(lost.then(|| format!("showed B {} of their {rows_of_b} rows", owners.len())))
    }

    async fn become_actor(&self, actor: &str) -> Result<(), Error> {
        match actor {
            "A" => self.client.execute(IDENTIFY, &[&self.people.a]).await.map(drop),
            "B" => self.client.execute(IDENTIFY, &[&self.people.b]).await.map(drop),
            "empty" => {
                self.client.batch_execute(ASSUME_ROLE).await?;
                self.client.batch_execute(EMPTY).await
            }
            _ => self.client.batch_execute(ASSUME_ROLE).await,
        }
    }
}

/// A login that may only look, like the auditor's, has nothing to try with.
fn not_tried(error: &Error) -> Fact {
    if error.code().is_some_and(|state| state.code() == "42501") {
        let text = "not tried: this login may not take on rowkeep_api; run it with the login that serves (DATABASE_URL)";
        Fact::new(Verdict::Note, "proof", text)
    } else {
        fail(format!("not tried: {}", logged(error)))
    }
}

fn shown(messages: &[SimpleQueryMessage]) -> Vec<String> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.try_get(0).ok().flatten().unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

fn touched(messages: &[SimpleQueryMessage]) -> u64 {
    let counts = messages.iter().map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => *rows,
        _ => 0,
    });
    counts.sum()
}
