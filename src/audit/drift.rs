//! What this release declares, against what a database is.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use similar::{ChangeTag, TextDiff};
use tokio_postgres::{Client, Error};

use super::report::{Fact, Verdict};

static DECLARED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/audit/declared");

const CATALOGUE: &str = include_str!("../../sql/audit/catalogue.sql");

/// What an object's entry begins with in a file of `sql/audit/declared/`.
const OBJECT: &str = "--- ";

/// Everything that the schemas of the product hold: objects, and the statements that make them what they are.
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
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    statement: String,
    /// What takes it away; only of what is live, and where no row would go with it.
    undo: Option<String>,
}

impl Catalogue {
    /// What is live.
    ///
    /// # Errors
    /// What the database said.
    pub async fn of_database(client: &Client) -> Result<Self, Error> {
        client.batch_execute(super::BEGIN).await?;
        let rows = client.query(CATALOGUE, &[]).await;
        client.batch_execute(super::ROLLBACK).await?;

        let mut entries = BTreeMap::new();
        for row in rows? {
            let entry = Entry { statement: row.try_get(1)?, undo: row.try_get(2)? };
            entries.insert(row.try_get(0)?, entry);
        }
        Ok(Self(entries))
    }

    /// What this release declares for a major release of PostgreSQL, or for the newest that is known.
    pub fn declared(major: i32) -> Self {
        let text = |major: i32| DECLARED.get_file(format!("{major}.txt"))?.contents_utf8();
        let newest = || (15..major).rev().find_map(text);
        Self::parse(text(major).or_else(newest).unwrap_or_default())
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

    /// What differs, by object.
    pub(super) fn drift(&self, live: &Self) -> Vec<Fact> {
        let mut objects: Vec<_> = self.0.keys().chain(live.0.keys()).collect();
        objects.sort_by_key(|object| (order(object, self.0.contains_key(*object)), *object));
        objects.dedup();
        let differing = |object: &String| differing(object, self.0.get(object), live.0.get(object));
        objects
            .into_iter()
            .filter(|object| self.is_worth_a_line(object, live))
            .filter_map(differing)
            .collect()
    }

    /// Columns are told of where both sides have their table: else the table's own line has said it.
    fn is_worth_a_line(&self, object: &str, live: &Self) -> bool {
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
            let mut changes = fact.shown.iter().filter(|line| !line.starts_with(' '));
            Some(Loss {
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

    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// So that what is printed can be run from top to bottom: what is too much goes before what it stands on, and what is
/// missing comes after it. Whoever is not listed stands in the middle.
fn order(object: &str, declared: bool) -> i32 {
    const FIRST: [&str; 6] = ["schema ", "function ", "table ", "sequence ", "column ", "constraint "];
    const LAST: [&str; 2] = ["grant ", "comment "];
    let place = |kinds: &[&str]| kinds.iter().position(|kind| object.starts_with(kind)).map(|at| at as i32);
    let rank = place(&FIRST).or_else(|| place(&LAST).map(|at| 20 + at)).unwrap_or(10);
    if declared { rank } else { -1 - rank }
}

const BY_HAND: &str = "by hand, in a migration: rows are at stake";

fn differing(object: &str, declared: Option<&Entry>, live: Option<&Entry>) -> Option<Fact> {
    let statement =
        |entry: Option<&Entry>| entry.map(|entry| entry.statement.as_str()).unwrap_or_default().to_owned();
    let (wanted, found) = (statement(declared), statement(live));
    if wanted == found && declared.is_some() == live.is_some() {
        return None;
    }

    let undo = live.and_then(|entry| entry.undo.clone());
    let (how, fix) = match (declared, live) {
        (None, _) => ("is live, and not declared", undo.unwrap_or_else(|| BY_HAND.into())),
        (Some(_), None) => ("is declared, and not there", remade(object, &wanted)),
        // A function can be replaced, and what is altered has nothing to be dropped.
        (Some(_), Some(_)) => {
            let replaced = object.starts_with("function ") || object.starts_with("comment ");
            let undo = undo.filter(|_| !replaced).map(|undo| format!("{undo}\n")).unwrap_or_default();
            ("is not as declared", undo + &remade(object, &wanted))
        }
    };

    let mut fact = Fact::new(Verdict::Fail, "drift", format!("{object} {how}")).mended_by(fix);
    let diff = TextDiff::from_lines(&wanted, &found);
    for change in diff.grouped_ops(1).iter().flatten().flat_map(|group| diff.iter_changes(group)) {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        fact.shown.push(format!("{sign} {}", change.value().trim_end()));
    }
    Some(fact)
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
    fn what_is_kept_as_text_is_read_back_as_it_was() {
        let kept = catalogue(&[
            ("function f()", "create function f()\n--   a comment\n\n    -- another\nend;", None),
            ("table t", "alter table t owner to x;\nalter table t enable row level security;", None),
        ]);

        assert_eq!(Catalogue::parse(&kept.to_text()), kept);
        assert_eq!(Catalogue::parse(""), Catalogue::default());
    }

    #[test]
    fn what_is_the_same_is_no_drift_and_what_is_not_says_what_mends_it() {
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
            .map(|fact| (fact.text, fact.shown.join("|"), fact.fix.unwrap_or_default()))
            .collect();

        let expected = [
            // Run from top to bottom: what is too much goes first.
            ("d is live, and not declared", "+ create d;", "drop d;"),
            ("b is not as declared", "- create b;|+ create b wide;", "drop b;\ncreate b;"),
            ("c is declared, and not there", "- create c;", "create c;"),
        ];
        assert_eq!(found, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }
}
