//! `sql/audit.sql`, the one file for psql, consists of the checks of `sql/audit/`, and each check explains itself.

use std::process::Command;

use super::support::{files, without_comments};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_file_for_psql_is_what_the_command_assembles() {
    let output = Command::new("sh").arg(format!("{ROOT}/sql/audit/assemble")).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");

    let assembled = String::from_utf8(output.stdout).expect("text");

    assert!(
        read("sql/audit.sql") == assembled,
        "sql/audit.sql is not assembled from sql/audit/: run `make audit`"
    );
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
        let expected = ["Looks for", "Why", "Severity", "Fix"].map(Some);
        assert_eq!(labels, expected, "{name}.sql");

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
