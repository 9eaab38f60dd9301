//! The report of an audit: what it is about, and its facts as the database has judged and printed them.

use serde::{Deserialize, Serialize};

/// How severe a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The fact is as it should be.
    Ok,
    /// Worth knowing, but it breaks nothing by itself.
    Note,
    /// Isolation does not hold, one more mistake would break it, or the database differs from what this release declares.
    Fail,
    /// A NOTE or a FAIL that a DBA has accepted.
    Accepted,
}

impl Verdict {
    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Note => "NOTE",
            Self::Fail => "FAIL",
            Self::Accepted => "ACCEPTED",
        }
    }
}

/// The id of each finding of the proof.
pub(super) const PROOF: &str = "RK-911";

/// A finding of this program, before it is known what is accepted. The checks of `sql/audit/checks` give the same.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) id: &'static str,
    pub(super) verdict: Verdict,
    /// The kind of object, in one word.
    pub(super) area: &'static str,
    /// What it is about. With the id it names the finding, also in `rowkeep.accepted`.
    pub(super) subject: String,
    /// The rest of the sentence.
    pub(super) fact: String,
    /// Lines of a diff, which begin with `-` (declared) or `+` (in the database).
    pub(super) shown: Option<String>,
    /// The statement or the command that fixes it.
    pub(super) fix: Option<String>,
    /// `owner` if rowkeep_owner must run the fix, `0` if a superuser must.
    pub(super) fixer: Option<&'static str>,
    /// Its place among the findings of this program, whose fixes can be run in that order.
    pub(super) position: usize,
}

impl Finding {
    pub(super) fn new(
        id: &'static str,
        area: &'static str,
        verdict: Verdict,
        subject: impl Into<String>,
    ) -> Self {
        let (fact, shown, fix, fixer) = (String::new(), None, None, None);
        Self { id, verdict, area, subject: subject.into(), fact, shown, fix, fixer, position: 0 }
    }

    /// A finding of the proof.
    pub(super) fn proof(verdict: Verdict, subject: impl Into<String>) -> Self {
        Self::new(PROOF, "proof", verdict, subject)
    }

    /// This finding, with the rest of its sentence.
    pub(super) fn because(mut self, fact: impl Into<String>) -> Self {
        self.fact = fact.into();
        self
    }

    /// This finding, with a command or a text that fixes it.
    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// What a report is about.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Head {
    /// When the audit ran, by the clock of the database server, in UTC.
    pub time: String,
    /// The host and port of the server.
    pub host: String,
    /// The name of the database.
    pub database: String,
    /// The login of the audit.
    pub login: String,
    /// The release of PostgreSQL.
    pub server: String,
    /// The release of Rowkeep.
    pub release: String,
    /// The number of the last migration, if this login may know it.
    pub migration: Option<i32>,
    /// A digest of all migrations that were applied, if this login may read them.
    pub migrations: Option<String>,
    /// The SHA-256 of the policies that were applied last, if this login may know it.
    pub policies: Option<String>,
    /// The first lines that `psql -f sql/audit.sql` prints.
    #[serde(skip_serializing)]
    pub lines: Vec<String>,
}

/// Who has accepted a fact.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Acceptance {
    /// The reason.
    pub why: String,
    /// Who has decided it.
    pub who: String,
    /// The last day on which it is accepted; none: without end.
    pub until: Option<String>,
}

/// One fact of the report.
#[derive(Clone, Debug, Deserialize)]
pub struct Fact {
    /// The id of the check, such as `RK-503`.
    pub id: String,
    /// OK, NOTE, FAIL or ACCEPTED.
    pub verdict: Verdict,
    /// The kind of object, in one word.
    pub area: String,
    /// What it is about. With the id it names the finding.
    pub subject: String,
    /// The rest of the sentence; may be empty.
    pub fact: String,
    /// The lines of a diff between what is declared (`-`) and what is there (`+`).
    pub difference: Option<String>,
    /// The statement or the command that fixes it.
    pub fix: Option<String>,
    /// The oid of the role that must run the fix, or 0: a superuser, or `admin ` and the oid of the role that it changes: a
    /// login with CREATEROLE. None if anybody can, or if it is left to a person.
    pub fixer: Option<String>,
    /// Who must run the fix, if this login cannot.
    pub fixed_by: Option<String>,
    /// Who has accepted it, if somebody has.
    pub accepted: Option<Acceptance>,
    /// The lines that `psql -f sql/audit.sql` prints for it.
    pub lines: Vec<String>,
}

impl Fact {
    /// The whole sentence.
    pub fn sentence(&self) -> String {
        if self.fact.is_empty() { self.subject.clone() } else { format!("{}: {}", self.subject, self.fact) }
    }

    /// Whether the audit could not look at it, so that nobody knows whether it is as it should be.
    pub fn is_unseen(&self) -> bool {
        let says_so = |text: &str| text.starts_with("not looked at") || text.starts_with("not tried");
        self.verdict == Verdict::Note && (says_so(&self.fact) || says_so(&self.subject))
    }
}

/// All facts of an audit, in the order of their ids.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// What the report is about.
    pub head: Head,
    /// The facts.
    pub facts: Vec<Fact>,
}

impl Report {
    /// How many facts have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.facts.iter().filter(|fact| fact.verdict == verdict).count()
    }

    /// The number of facts with the verdict FAIL.
    pub fn fails(&self) -> usize {
        self.count(Verdict::Fail)
    }

    /// Whether the proof could not be run.
    pub fn is_unproved(&self) -> bool {
        self.facts.iter().any(|fact| fact.id == PROOF && fact.verdict == Verdict::Note)
    }

    /// `HELD`, `NOT HELD`, or `NOT PROVED`.
    pub fn isolation(&self) -> &'static str {
        match self.fails() {
            0 if self.is_unproved() => "NOT PROVED",
            0 => "HELD",
            _ => "NOT HELD",
        }
    }

    /// The last line: the numbers and the result.
    pub fn verdict(&self) -> String {
        format!(
            "{} facts: {} FAIL, {} NOTE, {} ACCEPTED      isolation: {}",
            self.facts.len(),
            self.fails(),
            self.count(Verdict::Note),
            self.count(Verdict::Accepted),
            self.isolation()
        )
    }

    /// Id, area and sentence of each fact with the verdict FAIL.
    pub fn failing(&self) -> Vec<String> {
        let failing = self.facts.iter().filter(|fact| fact.verdict == Verdict::Fail);
        failing.map(|fact| format!("{} {} {}", fact.id, fact.area, fact.sentence())).collect()
    }
}

/// The first lines say what the report is about. The last line has the numbers and the result.
impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let facts = self.facts.iter().flat_map(|fact| &fact.lines);
        self.head.lines.iter().chain(facts).try_for_each(|line| writeln!(out, "{line}"))?;
        out.write_str(&self.verdict())
    }
}
