//! The rules for a file of `migrations/` that its text can show. docs/migrations.md has them, with the reasons.

use super::support::files;

/// Migrations from this one on keep the rules about tables that servers use. Older ones were made before there was a release.
pub const SINCE: u32 = 10;

struct Migration {
    version: u32,
    name: String,
    text: String,
}

fn migrations() -> Vec<Migration> {
    let all = files("migrations").into_iter().map(|(name, text)| {
        let version = name.trim_start_matches('V').split("__").next().unwrap_or_default();
        Migration { version: version.parse().expect("a number"), name, text }
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|migration| migration.version);
    all
}

/// The statements in lower case, in one line each, without comments. The body of a function is a part of its statement.
pub fn statements(text: &str) -> Vec<String> {
    let words = |text: &String| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    super::queries::statements(text).iter().map(words).collect()
}

/// The word after `before` in a statement.
fn word_after<'a>(statement: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = statement.split_once(before)?;
    rest.split([' ', '(', ',']).find(|word| !word.is_empty())
}

/// What is wrong with the text of one migration; `earlier` has the statements of those before it.
pub fn faults(version: u32, text: &str, earlier: &[String]) -> Vec<String> {
    let statements = statements(text);
    let mut faults: Vec<String> = Vec::new();
    if !text.starts_with("-- ") {
        faults.push("the first line does not say why".into());
    }
    let acts = statements.iter().find(|one| !one.starts_with("create schema "));
    let begins = acts.is_some_and(|one| one == "set local role rowkeep_owner");
    if !begins || statements.last().is_none_or(|one| one != "reset role") {
        faults.push("it does not begin with `set local role rowkeep_owner` and end with `reset role`".into());
    }
    for statement in &statements {
        let begins = |words: &[&str]| words.iter().any(|word| statement.starts_with(word));
        if begins(&["begin", "commit", "rollback", "start transaction", "vacuum"])
            || statement.contains("index concurrently ")
        {
            faults.push(format!("it cannot run inside a transaction: {statement}"));
            continue;
        }
        if begins(&["set"]) && !begins(&["set local role"]) {
            faults.push(format!("it changes a setting of the migrating session: {statement}"));
        }
        if version >= SINCE {
            faults
                .extend(waits(statement, &statements, earlier).map(|fault| format!("{fault}: {statement}")));
        }
    }
    faults
}

/// Why requests would wait for a statement, or fail because of it, on a table that another migration made.
fn waits(statement: &str, statements: &[String], earlier: &[String]) -> Option<&'static str> {
    let is_index = ["create index", "create unique index"].iter().any(|words| statement.starts_with(words));
    let table = if is_index {
        word_after(statement, " on ")
    } else {
        statement.strip_prefix("alter table ")?.split(' ').next()
    }?;
    if statements.iter().any(|one| one.starts_with(&format!("create table {table} "))) {
        return None;
    }
    if is_index {
        return (!statement.contains(" if not exists ")).then_some(
            "writes wait until the index is built: write `if not exists`, and let operators build it before",
        );
    }
    if statement.contains(" add constraint ")
        && (statement.contains(" check ") || statement.contains(" foreign key "))
    {
        return (!statement.ends_with(" not valid"))
            .then_some("requests wait until all rows were checked: write `not valid`, and validate it in a later migration");
    }
    if statement.contains(" validate constraint ") {
        let constraint = word_after(statement, " validate constraint ")?;
        let added = format!(" add constraint {constraint} ");
        return statements.iter().any(|one| one.contains(&added)).then_some(
            "it is in the migration that adds the constraint, and holds its lock meanwhile: validate it in a later one",
        );
    }
    if statement.contains(" add column ")
        && statement.contains(" not null")
        && !statement.contains(" default ")
    {
        return Some("creates of the release before fail: add the column with a default, or nullable");
    }
    if statement.contains(" default ") && !statement.contains(" drop default") {
        let column =
            word_after(statement, " add column ").or_else(|| word_after(statement, " alter column "))?;
        let granted = format!("grant insert ({column}) on {table} to rowkeep_api");
        return (!statements.contains(&granted)).then_some(
            "creates fail in a distributed database, which names each column with a default: grant insert on it here",
        );
    }
    if statement.contains(" set not null") {
        let column = word_after(statement, " alter column ")?;
        let proved = format!(" check ({column} is not null) not valid");
        return (!earlier.iter().any(|one| one.contains(&proved))).then_some(
            "requests wait until all rows were read: add and validate a check for it in migrations before",
        );
    }
    None
}

#[test]
fn every_migration_keeps_the_rules() {
    let mut earlier = Vec::new();
    for Migration { version, name, text } in migrations() {
        assert_eq!(faults(version, &text, &earlier), [""; 0], "{name}");
        earlier.extend(statements(&text));
    }
}

#[test]
fn a_migration_that_breaks_a_rule_is_named() {
    let body =
        |statements: &str| format!("-- Why.\nset local role rowkeep_owner;\n{statements};\nreset role;\n");
    let checked =
        ["alter table app.tasks add constraint tasks_note_given check (note is not null) not valid"
            .to_owned()];
    for (text, fault) in [
        (body("select 1").replace("-- Why.\n", ""), "does not say why"),
        (body("select 1").replace("reset role;", ""), "end with `reset role`"),
        (body("select 1").replace("set local role rowkeep_owner;", ""), "begin with `set local role"),
        (body("create index concurrently a on app.tasks (user_id)"), "inside a transaction"),
        (body("commit"), "inside a transaction"),
        (body("set lock_timeout = '1h'"), "a setting of the migrating session"),
        (body("set local lock_timeout = 0"), "a setting of the migrating session"),
        (body("create index a on app.tasks (user_id)"), "writes wait"),
        (body("create unique index a on app.tasks (user_id)"), "writes wait"),
        (body("alter table app.tasks\n    add constraint a check (title <> '')"), "all rows were checked"),
        (
            body("alter table app.tasks add constraint a foreign key (id) references app.notes (id)"),
            "all rows were checked",
        ),
        (
            body(
                "alter table app.tasks add constraint a check (true) not valid; alter table app.tasks validate constraint a",
            ),
            "validate it in a later one",
        ),
        (body("alter table app.tasks add column note text not null"), "creates of the release before fail"),
        (body("alter table app.tasks add column note text default ''"), "grant insert on it here"),
        (body("alter table app.tasks alter column note set default ''"), "grant insert on it here"),
        (body("alter table app.tasks alter column other set not null"), "all rows were read"),
    ] {
        let found = faults(SINCE, &text, &checked);

        assert!(found.len() == 1 && found[0].contains(fault), "{text}\n{found:#?}");
    }
}

#[test]
fn a_migration_that_keeps_the_rules_has_no_fault() {
    let body =
        |statements: &str| format!("-- Why.\nset local role rowkeep_owner;\n{statements};\nreset role;\n");
    let checked =
        ["alter table app.tasks add constraint tasks_note_given check (note is not null) not valid"
            .to_owned()];
    for statements in [
        "create table app.notes (id bigint); create index a on app.notes (id); alter table app.notes add constraint b check (id > 0)",
        "create index if not exists a on app.tasks (user_id)",
        "alter table app.tasks add constraint a check (title <> '') not valid",
        "alter table app.tasks validate constraint a",
        "alter table app.tasks add column note text",
        "alter table app.tasks add column note text not null default ''; grant insert (note) on app.tasks to rowkeep_api",
        "alter table app.tasks alter column note set not null",
        "do $$ begin create index a on app.tasks (id); end $$",
    ] {
        assert_eq!(faults(SINCE, &body(statements), &checked), [""; 0], "{statements}");
    }
}
