//! `sql/audit.sql`, the one file for psql, consists of the checks of `sql/audit/`, and each check explains itself.

use std::process::Command;

use super::support::{files, without_comments};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a script of `sql/audit/` prints.
fn printed(script: &str) -> String {
    let output = Command::new("sh").arg(format!("{ROOT}/sql/audit/{script}")).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_file_for_psql_is_what_the_command_assembles() {
    let assembled = printed("assemble");

    assert!(
        read("sql/audit.sql") == assembled,
        "sql/audit.sql is not assembled from sql/audit/: run `make audit`"
    );
}

#[test]
fn the_page_of_findings_is_what_the_command_writes_and_explains_every_finding() {
    let page = printed("findings_page");

    assert!(read("docs/findings.md") == page, "docs/findings.md is not that of sql/audit/: run `make audit`");
    for (name, text) in files("sql/audit/checks") {
        let id = text.split_once("'RK-").and_then(|(_, rest)| rest.get(..3));
        let id = id.unwrap_or_else(|| panic!("{name}.sql has no id"));
        assert!(page.contains(&format!("\n### RK-{id}\n")), "{name}.sql is not in docs/findings.md");
    }
    for id in ["RK-901", "RK-902", "RK-911", "RK-921", "RK-922", "RK-923"] {
        assert!(page.contains(&format!("\n### {id}\n")), "{id} is not in docs/findings.md");
    }
}

/// An acceptance names one finding of one check.
#[test]
fn every_check_has_one_id_which_no_other_check_has() {
    let mut known = std::collections::BTreeMap::new();
    for (name, text) in files("sql/audit/checks") {
        let query = without_comments(&text);
        for id in query.split("'RK-").skip(1).map(|rest| rest[..3].to_owned()) {
            let other = known.insert(id.clone(), name.clone());
            assert!(other.is_none_or(|other| other == name), "RK-{id} is not an id of {name}.sql alone");
        }
        let ids = known.values().filter(|check| **check == name).count();
        assert_eq!(ids, 1, "{name}.sql");
    }
}

/// The command could leave a file out, so this does not ask it.
#[test]
fn every_check_and_every_shared_part_is_in_the_file_for_psql() {
    let whole = read("sql/audit.sql");

    for folder in ["frame", "shared", "checks"] {
        for (name, text) in files(&format!("sql/audit/{folder}")) {
            assert!(
                whole.contains(text.trim_end()),
                "{folder}/{name}.sql is not in sql/audit.sql: run `make audit`"
            );
            let counted = format!(" from check_{name}\n");
            assert!(folder != "checks" || whole.contains(&counted), "no facts come from checks/{name}.sql");
        }
    }
}

#[test]
fn every_check_explains_itself() {
    for (name, text) in files("sql/audit/checks") {
        let head: Vec<_> = text.lines().map_while(|line| line.strip_prefix("-- ")).collect();
        let labels: Vec<_> =
            head.iter().filter(|line| !line.starts_with(' ')).map(|line| line.split(": ").next()).collect();
        let expected = ["Looks for", "Why", "Severity", "Fix", "Controls"].map(Some);
        assert!(labels == expected || labels == expected[..4], "{name}.sql: {labels:?}");

        // The head names every verdict that the query can give.
        let severity = head
            .join("\n")
            .split("Severity: ")
            .nth(1)
            .and_then(|rest| rest.split("Fix: ").next().map(str::to_owned));
        let severity = severity.expect("a severity");
        let query = without_comments(&text);
        for verdict in ["OK", "NOTE", "FAIL"] {
            let gives = query.contains(&format!("'{verdict}'"));
            assert!(
                !gives || severity.contains(verdict),
                "{name}.sql gives {verdict}, and its head does not say when"
            );
        }
    }
}

#[test]
fn the_probe_of_a_session_expects_the_same_policy_and_identity_as_the_audit() {
    let expected = read("sql/audit/shared/expected.sql");
    let probe = read("sql/session/probe.sql");

    let texts: Vec<_> = expected.lines().filter_map(|line| line.trim().strip_suffix("',")).collect();

    assert_eq!(texts.len(), 2, "{texts:?}");
    for text in texts {
        assert!(probe.contains(text), "sql/session/probe.sql does not expect {text}'");
    }
}
