//! The proof for one table in one session: it creates rows, tries every statement on them, and rolls back.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use super::attempt::{Attempt, Outcome, first_column};
use super::{ABOVE, IDENTIFY, TestUsers, fail};
use crate::audit::ROLLBACK;
use crate::audit::report::{Finding, Verdict};
use crate::database::describe;
use crate::schema::run_script;

const BEGIN: &str = include_str!("../../../sql/audit/proof_begin.sql");
const SAVEPOINT: &str = include_str!("../../../sql/audit/savepoint.sql");
const ROLLBACK_TO_SAVEPOINT: &str = include_str!("../../../sql/audit/rollback_to_savepoint.sql");
const EMPTY_IDENTITY: &str = include_str!("../../../sql/audit/empty_identity.sql");
const ASSUME_ROLE: &str = include_str!("../../../sql/session/assume_role.sql");

/// How often a prepared statement runs as A before it runs as B. After five times Postgres considers a generic plan
/// (PostgreSQL manual, PREPARE).
const RUNS: usize = 7;

/// The fix for a login that may take on the role, but may not call app.identify.
const INHERIT: &str = "by hand: let the login inherit from rowkeep_api (ALTER ROLE .. INHERIT)";

const REAPPLY: &str = "by hand: run the fixes above, then `rowkeep migrate --reapply-policies`";

/// The statements for one table, and the session that runs them.
pub(super) struct TableProof<'a> {
    client: Client,
    users: &'a TestUsers,
    script: &'a [Attempt],
    facts: Vec<Finding>,
}

impl<'a> TableProof<'a> {
    /// `client` must be a new session. All attempts of `script` must be for one table.
    pub(super) fn new(client: Client, users: &'a TestUsers, script: &'a [Attempt]) -> Self {
        Self { client, users, script, facts: Vec::new() }
    }

    /// Runs all statements and returns the facts.
    pub(super) async fn facts(mut self) -> Vec<Finding> {
        match self.run().await {
            Ok(()) => {}
            Err(error) if is_lost(&error) => self.facts.push(not_tried(&error)),
            Err(error) => {
                let text = format!("{}: stopped by an error: {}", self.relation(), describe(&error));
                let denied = error.code().is_some_and(|state| state.code() == "42501");
                self.facts.push(fail(text).with_fix(if denied { INHERIT } else { ABOVE }));
            }
        }
        self.facts
    }

    async fn run(&mut self) -> Result<(), Error> {
        let opened = match self.begin().await {
            Ok(()) => self.client.batch_execute(ASSUME_ROLE).await,
            refused => refused,
        };
        if let Err(error) = opened {
            self.facts.push(not_tried(&error));
            return Ok(());
        }
        self.client.batch_execute(ROLLBACK).await?;
        self.begin().await?;

        let without_identity = self.attack("nobody", &[]).await?;
        if let Some(fact) = self.make_rows().await? {
            self.facts.push(fact);
            return Ok(());
        }
        let before = self.rows_of_b().await?;
        let made = self.made_by("B");
        if before.len() as u64 != made {
            let text = format!(
                "{}: B sees {} of their {made} rows, so nothing can be proved",
                self.relation(),
                before.len()
            );
            self.facts.push(fail(text).with_fix(REAPPLY));
            return Ok(());
        }
        let attacks = self.attack("attack", &before).await?;
        let prepared = self.try_prepared(before.len()).await?;
        self.client.batch_execute(ROLLBACK).await?;

        if without_identity && attacks && prepared {
            self.add_success(before.len());
        }
        Ok(())
    }

    async fn begin(&self) -> Result<(), Error> {
        run_script(&self.client, BEGIN).await
    }

    fn relation(&self) -> &'a str {
        self.script.first().map_or("", |attempt| attempt.relation.as_str())
    }

    fn attempts(&self, phase: &'static str) -> impl Iterator<Item = &'a Attempt> + use<'a> {
        self.script.iter().filter(move |attempt| attempt.phase == phase)
    }

    /// The number of rows of the table that the script creates for a user.
    fn made_by(&self, actor: &str) -> u64 {
        let wanted = format!("INSERT into {}", self.relation());
        self.attempts("rows").filter(|made| made.actor == actor && made.what == wanted).count() as u64
    }

    fn add_success(&mut self, rows: usize) {
        let relation = self.relation();
        let of = |actor: &str| {
            let attempts = self.script.iter().filter(|attempt| attempt.actor == actor);
            attempts.filter(|attempt| ["nobody", "attack"].contains(&attempt.phase.as_str())).count()
        };
        let (a, nobody, empty) = (of("A"), of("nobody"), of("empty"));
        let texts = [
            format!(
                "{relation}: {a} of {a} statements of A against {rows} rows of B: none seen, none changed"
            ),
            format!(
                "{relation}: one prepared statement under two identities and none: each sees its own rows"
            ),
            format!("{relation}: no identity: {nobody} of {nobody} statements see and change nothing"),
            format!("{relation}: an empty identity: {empty} of {empty} statements see and change nothing"),
        ];
        self.facts.extend(texts.map(|text| Finding::proof(Verdict::Ok, text)));
    }

    /// Creates the rows of A and B. Returns a fact if that is not possible.
    async fn make_rows(&self) -> Result<Option<Finding>, Error> {
        for attempt in self.attempts("rows") {
            self.become_actor(&attempt.actor).await?;
            if let Err(error) = self.client.batch_execute(&attempt.statement).await {
                if is_lost(&error) {
                    return Err(error);
                }
                let (relation, what, error) = (&attempt.relation, &attempt.what, describe(&error));
                let text = format!("{relation}: not tried, because no row could be created: {what}: {error}");
                return Ok(Some(fail(text).with_fix(REAPPLY)));
            }
        }
        Ok(None)
    }

    async fn rows_of_b(&self) -> Result<Vec<String>, Error> {
        self.become_actor("B").await?;
        let mut rows = Vec::new();
        for attempt in self.attempts("look") {
            rows.extend(first_column(&self.client.simple_query(&attempt.statement).await?));
        }
        Ok(rows)
    }

    /// Runs the attempts of a phase, each from the same state. Returns true if every outcome is the expected one.
    async fn attack(&mut self, phase: &'static str, before: &[String]) -> Result<bool, Error> {
        let mut held = true;
        for attempt in self.attempts(phase) {
            self.client.batch_execute(SAVEPOINT).await?;
            let problem = self.try_one(attempt, before).await?;
            self.client.batch_execute(ROLLBACK_TO_SAVEPOINT).await?;
            if let Some(problem) = problem {
                held = false;
                let (relation, what, actor) = (&attempt.relation, &attempt.what, &attempt.actor);
                let text = format!("{relation}: {what} as {actor}: {problem} (rolled back)");
                self.facts.push(fail(text).with_fix(REAPPLY));
            }
        }
        Ok(held)
    }

    async fn try_one(&self, attempt: &Attempt, before: &[String]) -> Result<Option<String>, Error> {
        self.become_actor(&attempt.actor).await?;
        let outcome = Outcome::of(self.client.simple_query(&attempt.statement).await);
        let problem = attempt.problem(&outcome, &self.users.a, self.made_by("A"));
        match outcome {
            Outcome::Refused(error) if error.is_closed() || is_lost(&error) => return Err(error),
            Outcome::Done { .. } if problem.is_none() && attempt.phase == "attack" => {}
            _ => return Ok(problem),
        }
        let same = self.rows_of_b().await? == before;
        Ok((!same).then(|| "B's rows have changed".into()))
    }

    /// Runs one prepared statement as A until Postgres caches its plan, then as B, then without an identity.
    async fn try_prepared(&mut self, rows_of_b: usize) -> Result<bool, Error> {
        let Some(attempt) = self.attempts("prepared").next() else { return Ok(true) };
        let statement = self.client.prepare(&attempt.statement).await?;
        let actors = [vec!["A"; RUNS], vec!["B", "empty"]].concat();

        for actor in actors {
            self.client.batch_execute(SAVEPOINT).await?;
            let problem = self.run_prepared(&statement, actor, rows_of_b).await?;
            self.client.batch_execute(ROLLBACK_TO_SAVEPOINT).await?;
            if let Some(problem) = problem {
                let text = format!("{}: {}: {problem} (rolled back)", attempt.relation, attempt.what);
                self.facts.push(fail(text).with_fix(REAPPLY));
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn run_prepared(
        &self,
        statement: &Statement,
        actor: &str,
        rows_of_b: usize,
    ) -> Result<Option<String>, Error> {
        self.become_actor(actor).await?;
        let rows = self.client.query(statement, &[]).await?;
        let owners: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;

        let (who, name, own) = match actor {
            "A" => ("A", self.users.a.as_str(), self.made_by("A")),
            "B" => ("B", self.users.b.as_str(), rows_of_b as u64),
            _ => ("nobody", "", 0),
        };
        if owners.iter().any(|owner| owner != name) {
            return Ok(Some(format!("showed {who} rows of other users")));
        }
        Ok((owners.len() as u64 != own).then(|| format!("showed {who} {} of their {own} rows", owners.len())))
    }

    async fn become_actor(&self, actor: &str) -> Result<(), Error> {
        match actor {
            "A" => self.client.query_typed(IDENTIFY, &[(&self.users.a, Type::TEXT)]).await.map(drop),
            "B" => self.client.query_typed(IDENTIFY, &[(&self.users.b, Type::TEXT)]).await.map(drop),
            "empty" => {
                self.client.batch_execute(ASSUME_ROLE).await?;
                self.client.batch_execute(EMPTY_IDENTITY).await
            }
            _ => self.client.batch_execute(ASSUME_ROLE).await,
        }
    }
}

/// Whether a node of a distributed database (Citus) does not answer: connection_failure.
fn is_lost(error: &Error) -> bool {
    error.code().is_some_and(|state| state.code() == "08006")
}

/// A login that may not take on the role, such as the auditor's, cannot run the proof. A standby takes no writes. A node that is
/// down holds rows that nobody can try.
fn not_tried(error: &Error) -> Finding {
    if error.code().is_some_and(|state| ["0A000", "25006"].contains(&state.code())) {
        Finding::proof(
            Verdict::Note,
            "not tried: this is a standby, which takes no writes; run it on the primary",
        )
    } else if error.code().is_some_and(|state| state.code() == "42501") {
        let text = "not tried: this login may not take on rowkeep_api; run it with the login that serves (DATABASE_URL)";
        Finding::proof(Verdict::Note, text)
    } else if is_lost(error) {
        let text = format!("not tried: a node does not answer ({}); run it when all do", describe(error));
        Finding::proof(Verdict::Note, text)
    } else {
        fail(format!("not tried: {}", describe(error))).with_fix(ABOVE)
    }
}
