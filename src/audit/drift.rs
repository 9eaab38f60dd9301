//! Drift: the differences between the catalogue that this release declares and that of a database.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest as sha};
use include_dir::{Dir, include_dir};
use similar::{ChangeTag, TextDiff};
use tokio_postgres::{Client, Error};

use super::report::{Finding, Verdict};

static DECLARED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/audit/declared");

const CATALOGUE: &str = include_str!("../../sql/audit/catalogue.sql");

/// The newest release of PostgreSQL that `sql/audit/declared/` is tested with.
const NEWEST: i32 = 18;

/// The id of each difference.
pub(super) const DRIFT: &str = "RK-902";

/// The beginning of an object's entry in a file of `sql/audit/declared/`.
const OBJECT: &str = "--- ";

/// All objects of the schemas app and rowkeep, each with the statements that define it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(BTreeMap<String, Entry>);

/// A declared object that a database lacks, or has in another form.
pub(super) struct Loss {
    pub(super) object: String,
    pub(super) missing: bool,
    /// Whether nothing but its owner or its row security differs.
    pub(super) only_protection: bool,
    /// The statements that set it right, unless rows would be lost.
    pub(super) fix: Option<String>,
    /// The statement that makes the comment of an object that `fix` makes anew.
    pub(super) comment: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    statement: String,
    /// The statement that removes the object. Only for objects of a database, and only if it deletes no rows.
    undo: Option<String>,
}

impl Catalogue {
    /// The catalogue of a database.
    ///
    /// # Errors
    /// Fails with the error of the database.
    pub async fn of_database(client: &Client) -> Result<Self, Error> {
        client.batch_execute(super::BEGIN).await?;
        let rows = client.query_typed(CATALOGUE, &[]).await;
        client.batch_execute(super::ROLLBACK).await?;

        let mut entries = BTreeMap::new();
        for row in rows? {
            let entry = Entry { statement: row.try_get(1)?, undo: row.try_get(2)? };
            entries.insert(row.try_get(0)?, entry);
        }
        Ok(Self(entries))
    }

    /// The catalogue that this release of Rowkeep makes on a major release of PostgreSQL. A release after the newest known
    /// one is taken for that one.
    pub fn declared(major: i32) -> Self {
        let parse = |name: String| {
            let file = DECLARED.get_file(name).and_then(|file| file.contents_utf8());
            Self::parse(file.unwrap_or_default())
        };
        parse("all.txt".into()).with(parse(format!("{}.txt", major.min(NEWEST))))
    }

    /// The entries that differ from those of `all`, as `sql/audit/declared/` keeps them for one release of PostgreSQL. An
    /// entry without a statement says that the object does not exist there.
    pub fn differences_from(&self, all: &Self) -> Self {
        let changed = self.0.iter().filter(|(object, entry)| {
            all.0.get(*object).is_none_or(|other| other.statement != entry.statement)
        });
        let gone = all.0.keys().filter(|object| !self.0.contains_key(*object));
        let changed = changed.map(|(object, entry)| (object.clone(), entry.clone()));
        Self(changed.chain(gone.map(|object| (object.clone(), Entry::default()))).collect())
    }

    /// This catalogue, changed by the differences of one release.
    fn with(mut self, differences: Self) -> Self {
        self.0.extend(differences.0);
        self.0.retain(|_, entry| !entry.statement.is_empty());
        self
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The form in which the repository keeps it.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (object, entry) in &self.0 {
            text.push_str(&format!("{OBJECT}{object}\n{}\n\n", entry.statement));
        }
        text
    }

    fn parse(text: &str) -> Self {
        let mut entries = BTreeMap::new();
        for entry in format!("\n{text}").split(&format!("\n{OBJECT}")).skip(1) {
            if let Some((object, statement)) = entry.split_once('\n') {
                let statement = statement.trim_end().to_owned();
                entries.insert(object.to_owned(), Entry { statement, undo: None });
            }
        }
        Self(entries)
    }

    /// One fact for each object that differs, in an order in which the fixes can be run.
    pub(super) fn drift(&self, live: &Self) -> Vec<Finding> {
        let mut objects: Vec<_> = self.0.keys().chain(live.0.keys()).collect();
        objects.sort_by_key(|object| (order(object, self.0.contains_key(*object)), *object));
        objects.dedup();
        let differing = |object: &String| {
            let mut finding = differing(object, self.0.get(object), live.0.get(object))?;
            // The comment of an object goes with it.
            if finding.fixer.is_some()
                && self.differs_in(object, live)
                && let Some(comment) = self.0.get(&format!("comment on {object}"))
                && let Some(fix) = finding.fix.as_mut()
                && !is_kept(fix)
            {
                fix.push_str(&format!("\n{}", comment.statement));
            }
            Some(finding)
        };
        objects
            .into_iter()
            .filter(|object| self.is_worth_a_line(object, live) && !self.is_said_by_another(object, live))
            .filter_map(differing)
            .collect()
    }

    /// Whether `live` has the object as it is declared.
    pub(super) fn agrees(&self, object: &str, live: &Self) -> bool {
        self.0.get(object).map(|entry| &entry.statement) == live.0.get(object).map(|entry| &entry.statement)
    }

    /// Whether the statements of drift make the object anew.
    fn differs_in(&self, object: &str, live: &Self) -> bool {
        match (self.0.get(object), live.0.get(object)) {
            (Some(declared), Some(live)) => {
                declared.statement != live.statement && !object.starts_with("function ")
            }
            (declared, live) => declared.is_some() != live.is_some(),
        }
    }

    /// Whether the line of another object says the same: a comment goes with its object, and an index with its constraint.
    fn is_said_by_another(&self, object: &str, live: &Self) -> bool {
        if let Some(commented) = object.strip_prefix("comment on ") {
            let index = commented.strip_prefix("index ").and_then(|index| index.split_once('.'));
            return self.differs_in(commented, live)
                || index.is_some_and(|(_, index)| self.constraint_differs(index, live));
        }
        let index = object.strip_prefix("index ").and_then(|index| index.split_once('.'));
        index.is_some_and(|(_, index)| self.constraint_differs(index, live))
    }

    fn constraint_differs(&self, name: &str, live: &Self) -> bool {
        let begins = format!("constraint {name} on ");
        let mut all = self.0.keys().chain(live.0.keys());
        all.any(|object| object.starts_with(&begins) && self.differs_in(object, live))
    }

    /// A column gets a line only if both sides have its table. Otherwise the line of the table says it. `sql/audit/checks`
    /// names each privilege that is not declared, so that it gets no second line.
    fn is_worth_a_line(&self, object: &str, live: &Self) -> bool {
        if object.starts_with("grant ") {
            let can_be_passed_on = format!("{object} with grant option");
            return self.0.contains_key(object) && !live.0.contains_key(&can_be_passed_on);
        }
        let Some(column) = object.strip_prefix("column ") else { return true };
        let table = format!("table {}", column.rsplit_once('.').map_or("", |(table, _)| table));
        self.0.contains_key(&table) && live.0.contains_key(&table)
    }

    /// What of this declaration is missing or different in `live`.
    pub(super) fn losses(&self, live: &Self) -> Vec<Loss> {
        let mut objects: Vec<_> = self.0.keys().collect();
        objects.sort_by_key(|object| (order(object, true), *object));
        let loss = |object: &String| {
            let fact = differing(object, self.0.get(object), live.0.get(object))?;
            let shown = fact.shown.unwrap_or_default();
            let mut changes = shown.lines().filter(|line| !line.starts_with(' '));
            let remade = fact.fix.as_ref().is_some_and(|fix| fix.starts_with("drop "));
            let comment = format!("comment on {object}");
            Some(Loss {
                comment: self.0.get(&comment).filter(|_| remade).map(|entry| entry.statement.clone()),
                object: object.clone(),
                missing: !live.0.contains_key(object),
                only_protection: changes
                    .all(|line| line.contains(" owner to ") || line.ends_with("row level security;")),
                fix: fact.fix,
            })
        };
        objects.into_iter().filter(|object| self.is_worth_a_line(object, live)).filter_map(loss).collect()
    }

    /// Whether `live` has a table of this declaration.
    pub(super) fn shares_a_table(&self, live: &Self) -> bool {
        self.0.keys().any(|object| object.starts_with("table ") && live.0.contains_key(object))
    }

    /// The number of objects.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The rank of an object, so that the printed fixes can be run from top to bottom: dependent objects are dropped first and
/// created last. A kind that is not listed has a middle rank.
fn order(object: &str, declared: bool) -> i32 {
    const FIRST: [&str; 6] = ["schema ", "function ", "table ", "sequence ", "column ", "constraint "];
    const LAST: [&str; 2] = ["grant ", "comment "];
    let position =
        |kinds: &[&str]| kinds.iter().position(|kind| object.starts_with(kind)).map(|at| at as i32);
    let rank = position(&FIRST).or_else(|| position(&LAST).map(|at| 20 + at)).unwrap_or(10);
    if declared { rank } else { -1 - rank }
}

/// The kinds of objects that run code or decide about rows, so that their name alone says nothing.
const CODE: [&str; 6] = ["function ", "view ", "materialized view ", "policy ", "rule ", "trigger "];

/// The first 8 hexadecimal digits of the SHA-256 of a text.
fn short_digest(text: &str) -> String {
    sha(&SHA256, text.as_bytes()).as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The object that a finding of drift is about.
pub(super) fn object(finding: &Finding) -> &str {
    const HOW: [&str; 3] =
        [" exists, but is not declared", " is declared, but does not exist", " is not as declared"];
    let subject = finding.subject.as_str();
    let end = HOW.iter().filter_map(|how| subject.find(how)).min();
    subject.get(..end.unwrap_or(0)).unwrap_or_default()
}

const BY_HAND: &str = "by hand, in a migration: rows could be lost";

fn differing(object: &str, declared: Option<&Entry>, live: Option<&Entry>) -> Option<Finding> {
    let statement =
        |entry: Option<&Entry>| entry.map(|entry| entry.statement.as_str()).unwrap_or_default().to_owned();
    let (wanted, found) = (statement(declared), statement(live));
    if wanted == found && declared.is_some() == live.is_some() {
        return None;
    }

    let undo = live.and_then(|entry| entry.undo.clone());
    let (how, mut fix) = match (declared, live) {
        (None, _) => ("exists, but is not declared", undo.unwrap_or_else(|| BY_HAND.into())),
        (Some(_), None) => ("is declared, but does not exist", remade(object, &wanted)),
        // A function or a comment is replaced, so it needs no drop.
        (Some(_), Some(_)) => {
            let replaced = object.starts_with("function ") || object.starts_with("comment ");
            let undo = undo.filter(|_| !replaced).map(|undo| format!("{undo}\n")).unwrap_or_default();
            ("is not as declared", undo + &remade(object, &wanted))
        }
    };

    if object.starts_with("trigger ")
        && let Some(enabled) = found.strip_prefix(&wanted).and_then(enabled)
    {
        fix = enabled;
    }

    // Another definition is another finding: who accepts one has not accepted the next.
    let pinned = match (declared, live) {
        (None, Some(live)) if CODE.iter().any(|kind| object.starts_with(kind)) => Some(live),
        (Some(_), Some(live)) => Some(live),
        _ => None,
    };
    let definition = pinned.map(|entry| format!(" (definition {})", short_digest(&entry.statement)));
    let subject = format!("{object} {how}{}", definition.unwrap_or_default());
    let mut fact = Finding::new(DRIFT, "drift", Verdict::Fail, subject);
    // What another role owns, only a superuser can give back.
    let owner = |text: &str| text.lines().find(|line| line.contains(" owner to ")).map(ToOwned::to_owned);
    let is_owned_by_another = declared.is_some() && live.is_some() && owner(&wanted) != owner(&found);
    let fixer = if is_owned_by_another { "0" } else { "owner" };
    fact.fixer = (!fix.starts_with("by hand")).then_some(fixer);
    fact.fix = Some(fix);
    let diff = TextDiff::from_lines(&wanted, &found);
    let mut shown = Vec::new();
    for change in diff.grouped_ops(1).iter().flatten().flat_map(|group| diff.iter_changes(group)) {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        shown.push(format!("{sign} {}", change.value().trim_end()));
    }
    fact.shown = (!shown.is_empty()).then(|| shown.join("\n"));
    Some(fact)
}

/// Whether the statements change an object that stays, with its comment.
fn is_kept(fix: &str) -> bool {
    fix.starts_with("alter table ") && fix.contains(" enable trigger ")
}

/// The statement that enables a trigger, from the end of the statements of one that is disabled, as `sql/audit/catalogue.sql`
/// prints it.
fn enabled(state: &str) -> Option<String> {
    let (table, trigger) = state.strip_prefix("\nalter table ")?.rsplit_once(" trigger ")?;
    let states = [" disable", " enable replica", " enable always"];
    let table = states.iter().find_map(|state| table.strip_suffix(state))?;
    Some(format!("alter table {table} enable trigger {trigger}"))
}

fn remade(object: &str, statement: &str) -> String {
    if object.starts_with("column ") { BY_HAND.into() } else { statement.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(entries: &[(&str, &str, Option<&str>)]) -> Catalogue {
        let entry = |statement: &str, undo: Option<&str>| Entry {
            statement: statement.to_owned(),
            undo: undo.map(str::to_owned),
        };
        Catalogue(
            entries.iter().map(|(object, text, undo)| ((*object).to_owned(), entry(text, *undo))).collect(),
        )
    }

    #[test]
    fn a_catalogue_that_is_written_as_text_is_read_back_unchanged() {
        let kept = catalogue(&[
            ("function f()", "create function f()\n--   a comment\n\n    -- another\nend;", None),
            ("table t", "alter table t owner to x;\nalter table t enable row level security;", None),
        ]);

        assert_eq!(Catalogue::parse(&kept.to_text()), kept);
        assert_eq!(Catalogue::parse(""), Catalogue::default());
    }

    #[test]
    fn a_trigger_that_is_disabled_is_enabled_and_one_that_is_made_anew_keeps_its_comment() {
        let comment = ("comment on trigger t on app.x", "comment on trigger t on app.x is 'why';", None);
        let declared = catalogue(&[("trigger t on app.x", "CREATE TRIGGER t a;", None), comment]);
        for (live, fix, lost) in [
            (
                "CREATE TRIGGER t a;\nalter table app.x disable trigger t;",
                "alter table app.x enable trigger t;",
                None,
            ),
            (
                "CREATE TRIGGER t a;\nalter table app.x enable replica trigger t;",
                "alter table app.x enable trigger t;",
                None,
            ),
            ("CREATE TRIGGER t b;", "drop trigger t on app.x;\nCREATE TRIGGER t a;", Some(comment.1)),
        ] {
            let live = catalogue(&[("trigger t on app.x", live, Some("drop trigger t on app.x;")), comment]);

            let losses: Vec<_> =
                declared.losses(&live).into_iter().map(|loss| (loss.fix, loss.comment)).collect();
            let drift: Vec<_> = declared.drift(&live).into_iter().filter_map(|finding| finding.fix).collect();

            assert_eq!(losses, [(Some(fix.to_owned()), lost.map(str::to_owned))]);
            assert_eq!(drift, [lost.map_or(fix.to_owned(), |comment| format!("{fix}\n{comment}"))]);
        }
    }

    #[test]
    fn the_differences_of_one_release_change_what_is_declared_for_all() {
        let all = catalogue(&[("a", "create a;", None), ("b", "create b;", None), ("c", "create c;", None)]);
        let one =
            catalogue(&[("a", "create a;", None), ("b", "create b wide;", None), ("d", "create d;", None)]);

        let kept = one.differences_from(&all).to_text();

        assert_eq!(all.with(Catalogue::parse(&kept)), one);
        assert!(!kept.contains("create a;"), "{kept}");
        assert!(one.differences_from(&one).is_empty());
    }

    #[test]
    fn equal_objects_are_no_drift_and_different_ones_come_with_a_fix() {
        let declared =
            catalogue(&[("a", "create a;", None), ("b", "create b;", None), ("c", "create c;", None)]);
        let live = catalogue(&[
            ("a", "create a;", Some("drop a;")),
            ("b", "create b wide;", Some("drop b;")),
            ("d", "create d;", Some("drop d;")),
        ]);

        let found: Vec<_> = declared
            .drift(&live)
            .into_iter()
            .map(|fact| {
                (
                    fact.subject,
                    fact.shown.unwrap_or_default().replace('\n', "|"),
                    fact.fix.unwrap_or_default(),
                )
            })
            .collect();

        let changed = format!("b is not as declared (definition {})", short_digest("create b wide;"));
        let expected = [
            // The fixes run from top to bottom: objects that are not declared are dropped first.
            ("d exists, but is not declared", "+ create d;", "drop d;"),
            (&*changed, "- create b;|+ create b wide;", "drop b;\ncreate b;"),
            ("c is declared, but does not exist", "- create c;", "create c;"),
        ];
        assert_eq!(found, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }
}
