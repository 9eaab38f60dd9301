//! A mutant: one way to weaken the database, the facts that must report it, and whether their fixes repair it.

use rowkeep::audit::Report;

use super::fixers::Fixers;
use super::groups::{groups, together};
use super::report::{Fact, facts};
use super::test_cluster::{Copy, TestCluster};

/// One way to weaken the protection of a database.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The statements that a superuser runs.
    pub damage: String,
    /// The new facts that the audit must report, such as `FAIL drift table app.tasks is not as declared`. The subject says
    /// which part must report it: `drift`, `proof`, or else `sql/audit.sql`.
    pub notices: Vec<String>,
    /// The statement that takes it back, if no printed fix can.
    pub(super) undo: Option<String>,
    /// A fix is left to a person.
    pub(super) by_hand: bool,
}

pub fn mutant(damage: impl Into<String>, notices: &[&str]) -> Mutant {
    let notices = notices.iter().map(|notice| (*notice).to_owned()).collect();
    Mutant { damage: damage.into(), notices, undo: None, by_hand: false }
}

impl Mutant {
    /// Its fix is a text for a person.
    pub fn by_hand(mut self) -> Self {
        self.by_hand = true;
        self
    }

    /// Its fix is a text for a person, and it concerns more than this database.
    pub fn undone_by(mut self, undo: &str) -> Self {
        self.undo = Some(undo.to_owned());
        self.by_hand = true;
        self
    }

    /// This mutant without the facts of drift: a table that is not declared has only one such fact.
    pub fn undeclared(mut self) -> Self {
        self.notices.retain(|notice| !notice.starts_with("FAIL drift "));
        self.by_hand = true;
        self
    }

    /// The notices without which the mutant is not reported.
    pub(super) fn needed(&self) -> impl Iterator<Item = &String> {
        let is_drift = |notice: &str| notice.starts_with("FAIL drift ");
        let by_a_check = |notice: &String| notice.starts_with("FAIL ") && !is_drift(notice);
        let is_failed_by_a_check = self.notices.iter().any(by_a_check);
        // A check that fails the object says it, and then drift does not.
        self.notices.iter().filter(move |notice| !(is_drift(notice) && is_failed_by_a_check))
    }

    pub(super) fn is_grant(&self) -> bool {
        self.damage.starts_with("grant ") && self.damage.contains(" on ")
    }

    pub(super) fn must_fail(&self) -> bool {
        self.notices.iter().any(|notice| notice.starts_with("FAIL "))
    }
}

/// Applies each mutant to a copy of `template`. The audit must report it, and the printed fixes must repair it.
pub async fn try_each(test_cluster: &TestCluster, template: &str, mutants: Vec<Mutant>) {
    try_groups(test_cluster, template, mutants.into_iter().map(|mutant| vec![mutant]).collect()).await;
}

/// Does the same with several mutants at once, because an audit takes most of the time. They must concern this database
/// alone. If anything about a group is not as expected, each of its mutants is tried alone, and that decides.
pub async fn try_in_groups(test_cluster: &TestCluster, template: &str, mutants: Vec<Mutant>) {
    try_groups(test_cluster, template, groups(mutants)).await;
}

async fn try_groups(test_cluster: &TestCluster, template: &str, groups: Vec<Vec<Mutant>>) {
    let all: usize = groups.iter().map(Vec::len).sum();
    assert_ne!(all, 0, "there is nothing to try");
    let mut problems = Vec::new();
    let mut here = TestDatabase::new(test_cluster.copy(template).await).await;
    for group in groups {
        if group.len() > 1 {
            let tried;
            (here, tried) = here.try_and_go_on(template, &together(&group)).await;
            if tried.is_ok() {
                continue;
            }
        }
        for mutant in &group {
            let tried;
            (here, tried) = here.try_and_go_on(template, mutant).await;
            if let Err(problem) = tried {
                problems.push(format!("{}\n{problem}", mutant.damage));
            }
        }
    }
    here.copy.discard().await;
    let found = problems.len();
    assert!(problems.is_empty(), "{found} of {all} mutants:\n\n{}", problems.join("\n\n"));
}

/// A database, and the report about it before any mutant.
struct TestDatabase<'a> {
    copy: Copy<'a>,
    before: Vec<Fact>,
    text: String,
    objects: i64,
}

/// How often fixes may have to be run until the audit prints none.
const ROUNDS: usize = 4;

impl<'a> TestDatabase<'a> {
    async fn new(copy: Copy<'a>) -> Self {
        let Audited { facts: before, text, .. } = audited(&copy).await.expect("an audit");
        let others = before.iter().filter(|fact| fact.fails() && !fact.text.starts_with("FAIL drift "));
        assert_eq!(others.count(), 0, "fails before anything is done to it: {text}");
        let objects = objects(&copy).await;
        Self { copy, before, text, objects }
    }

    /// Replaces the database by another copy of the same template.
    async fn replaced_by(self, copy: Copy<'a>) -> Self {
        let Self { copy: old, text, objects, .. } = self;
        let text = text.replace(&old.name, &copy.name);
        old.discard().await;
        Self { copy, before: facts(&text), text, objects }
    }

    /// Tries one mutant. Returns a database that is as this one was before.
    async fn try_and_go_on(mut self, template: &str, mutant: &Mutant) -> (Self, Result<(), String>) {
        let tried = self.try_one(mutant).await;
        if matches!(tried, Ok(true)) {
            return (self, Ok(()));
        }
        let next = self.copy.another(template).await;
        (self.replaced_by(next).await, tried.map(|_| ()))
    }

    /// Tries one mutant. Returns true if the database is as it was before.
    async fn try_one(&mut self, mutant: &Mutant) -> Result<bool, String> {
        let damaged = self.copy.admin.batch_execute(&mutant.damage).await;
        damaged.map_err(|error| format!(" cannot be done: {error:?}"))?;
        let found = self.notices(mutant).await;
        if let Some(undo) = &mutant.undo {
            self.copy.admin.batch_execute(undo).await.map_err(|error| format!(" {undo}: {error:?}"))?;
            found?;
            return match audited(&self.copy).await?.text == self.text {
                true => Ok(true),
                false => Err(" is not undone".into()),
            };
        }
        let found = found?;
        Ok(!mutant.by_hand && self.repair(found).await? && objects(&self.copy).await == self.objects)
    }

    /// The audit, if its facts are the expected ones.
    async fn notices(&self, mutant: &Mutant) -> Result<Audited, String> {
        let audit = audited(&self.copy).await?;
        let news: Vec<_> = audit.facts.iter().filter(|fact| !self.before.contains(fact)).collect();
        let shown = || {
            let lines: Vec<_> = news.iter().map(|fact| format!("   {}", fact.text)).collect();
            lines.join("\n")
        };
        let missing: Vec<_> = mutant
            .needed()
            .filter(|notice| !news.iter().any(|fact| fact.contains(notice)))
            .map(|notice| format!(" not reported: {notice}\n"))
            .collect();
        if !missing.is_empty() || mutant.notices.is_empty() {
            return Err(format!("{} but:\n{}", missing.concat(), shown()));
        }

        // One privilege is one FAIL.
        let fails = news.iter().filter(|fact| fact.fails()).count();
        let expected = mutant.notices.iter().filter(|notice| notice.starts_with("FAIL ")).count();
        if mutant.is_grant() && fails != expected {
            return Err(format!(" is {fails} FAILs and not {expected}:\n{}", shown()));
        }

        let fails = mutant.must_fail() || self.before.iter().any(Fact::fails);
        let isolation = if fails { "NOT HELD" } else { "HELD" };
        if audit.report.isolation() != isolation {
            return Err(format!(" is {} and not {isolation}:\n{}", audit.report.isolation(), shown()));
        }
        Ok(audit)
    }

    /// Runs the printed fixes, each as the role that must run it and first those of sql/audit.sql, until there is none. A fact
    /// must be gone when its fix has run. Returns true if the report is the same as before.
    async fn repair(&self, mut audit: Audited) -> Result<bool, String> {
        for _ in 0..=ROUNDS {
            let mut found = audit.facts;
            found.retain(|fact| !self.before.contains(fact) && (fact.fails() || fact.is_runnable()));
            if found.is_empty() {
                return Ok(audit.text == self.text);
            }
            let of = |fact: &&Fact| fact.is_runnable();
            let seen = |fact: &&Fact| !fact.text.starts_with("FAIL drift ");
            let mut chosen: Vec<_> = found.iter().filter(of).filter(seen).collect();
            if chosen.is_empty() {
                chosen = found.iter().filter(of).collect();
            }
            if chosen.is_empty() {
                return Err(format!(" not repaired: {found:#?}"));
            }

            let fixers = Fixers::of(&audit.report, &self.copy.admin).await;
            let mut errors = String::new();
            let mut done = Vec::new();
            for fix in chosen.iter().filter_map(|fact| fact.fix.as_deref()) {
                if !done.contains(&fix) {
                    done.push(fix);
                    errors.push_str(&self.run(fix, &fixers).await.err().unwrap_or_default());
                }
            }
            audit = audited(&self.copy).await?;
            if let Some(fact) = chosen.iter().find(|fact| audit.facts.contains(fact)) {
                return Err(format!(" the fix does not repair: {fact:#?}\n{errors}"));
            }
        }
        Err(format!(" not repaired in {ROUNDS} rounds: {:#?}", audit.facts))
    }

    async fn run(&self, fix: &str, fixers: &Fixers) -> Result<(), String> {
        if let Some(arguments) = fix.strip_prefix("rowkeep ") {
            let arguments: Vec<_> = arguments.split_whitespace().collect();
            let (code, text) = self.copy.run(&arguments, "postgres").await;
            return if code == Some(0) { Ok(()) } else { Err(format!(" {fix}: {code:?} {text}\n")) };
        }
        self.copy.run_as(fixers.role(fix)?, fix).await
    }
}

/// A report, the text that is printed of it but for its first line, which has the time, and the facts in that text.
struct Audited {
    report: Report,
    text: String,
    facts: Vec<Fact>,
}

/// What `rowkeep audit` prints, without a program for each.
async fn audited(copy: &Copy<'_>) -> Result<Audited, String> {
    let report = rowkeep::audit::audit(&copy.address("postgres")).await;
    let report = report.map_err(|error| format!(" cannot be audited: {error}"))?;
    let text = format!("{report}\n");
    let text = text.split_once('\n').map_or("", |(_, facts)| facts).to_owned();
    Ok(Audited { facts: facts(&text), report, text })
}

/// The number of dependencies and schemas. It shows whether a mutant has left something behind.
async fn objects(copy: &Copy<'_>) -> i64 {
    let count = "select (select count(*) from pg_depend) + (select count(*) from pg_namespace)";
    copy.admin.query_one(count, &[]).await.expect("a number").get(0)
}
