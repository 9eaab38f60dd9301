//! What each line of a log must be, by docs/logs.md. The log of every server under test is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::documents::markdown::{Page, codes, rows};

/// A field as the page documents it.
#[derive(Debug)]
pub struct Field {
    pub is_number: bool,
    pub about: String,
}

/// The fields that every line has.
const EVERYWHERE: &str = "everything";

/// The first members of each line: a reader finds them at the same place.
const FIRST: [&str; 3] = ["@timestamp", "log.level", "message"];

/// All fields, by name.
pub static FIELDS: LazyLock<BTreeMap<String, Field>> = LazyLock::new(|| {
    let table = rows(&Page::read("docs/logs.md").section("Fields"));
    let fields = table.iter().skip(2).map(|row| {
        let is_number = match row[1].as_str() {
            "number" => true,
            "text" => false,
            other => panic!("{} has the type {other}", row[0]),
        };
        let [name] = codes(&row[0])[..] else { panic!("{row:?} names no field") };
        (name.to_owned(), Field { is_number, about: row[2].clone() })
    });
    let fields: BTreeMap<_, _> = fields.collect();
    assert_eq!(fields.len(), table.len() - 2, "a field is in the table twice");
    fields
});

/// All events, by message, with their levels.
pub static EVENTS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let table = rows(&Page::read("docs/logs.md").section("Events"));
    let events = table.iter().skip(2).map(|row| {
        let levels = row[1].split(", ").map(str::to_owned).collect();
        (row[0].trim_matches('`').trim().to_owned(), levels)
    });
    let events: BTreeMap<_, _> = events.collect();
    assert_eq!(events.len(), table.len() - 2, "an event is in the table twice");
    events
});

/// The members of an object in their order, also those that are there twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = members.next_entry()? {
                    all.push(member);
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// The first character that does not print, or does not stay where it is written.
pub fn hidden(text: &str) -> Option<char> {
    text.chars().find(|shown| !(' '..='~').contains(shown) && shown.escape_debug().len() > 1)
}

/// Checks a line of the JSON format. Returns the names of its fields.
///
/// # Errors
/// What is wrong with the line.
pub fn check_json(line: &str) -> Result<BTreeSet<String>, String> {
    let wrong = |why: String| Err(format!("{why}: {line}"));
    if let Some(character) = hidden(line) {
        return wrong(format!("it has {character:?}"));
    }
    let Members(members) = match serde_json::from_str(line) {
        Ok(members) => members,
        Err(error) => return wrong(format!("it is no JSON object ({error})")),
    };
    let names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    let set: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    if !names.starts_with(&FIRST) || set.len() != names.len() {
        return wrong("it has other first members, or one twice".into());
    }
    for (name, value) in &members {
        if let Some(character) = value.as_str().and_then(hidden) {
            return wrong(format!("{name} has {character:?}"));
        }
    }
    let text =
        |name: &str| members.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.as_str());
    if !text("log.logger").is_some_and(|logger| logger.starts_with("rowkeep")) {
        return Ok(set); // of a library
    }

    for (name, value) in &members {
        match FIELDS.get(name) {
            None => return wrong(format!("{name} is not documented")),
            Some(field) if field.is_number != value.is_u64() || field.is_number == value.is_string() => {
                return wrong(format!("{name} has another type"));
            }
            Some(_) => {}
        }
    }
    for (name, _) in FIELDS.iter().filter(|(_, field)| field.about == EVERYWHERE) {
        if !set.contains(name) {
            return wrong(format!("{name} is missing"));
        }
    }
    let (message, level) = (text("message").unwrap_or_default(), text("log.level").unwrap_or_default());
    match EVENTS.get(message) {
        Some(levels) if levels.iter().any(|documented| documented == level) => {}
        _ => return wrong("its message or level is not documented".into()),
    }
    match text("@timestamp").unwrap_or_default().parse::<jiff::Timestamp>() {
        Ok(_) => Ok(set),
        Err(error) => wrong(error.to_string()),
    }
}

/// Checks a line of the text format: it begins with a time and a level, and everything in it prints.
///
/// # Errors
/// What is wrong with the line.
pub fn check_text(line: &str) -> Result<(), String> {
    if let Some(character) = hidden(line) {
        return Err(format!("it has {character:?}: {line}"));
    }
    let (time, rest) = line.split_once(' ').unwrap_or_default();
    let is_level = |level: &str| rest.strip_prefix(level).is_some_and(|rest| rest.starts_with(' '));
    if time.parse::<jiff::Timestamp>().is_ok()
        && ["ERROR", " WARN", " INFO", "DEBUG", "TRACE"].into_iter().any(is_level)
    {
        return Ok(());
    }
    Err(format!("it begins otherwise: {line}"))
}
