//! Drift that a check of `sql/audit/checks` has found already. One cause is one FAIL.

use super::drift;
use super::report::Finding;

/// The checks whose subjects have the definition of an object that nobody declares; of a copy, who can read it.
const PIN_DEFINITIONS: [&str; 8] =
    ["RK-304", "RK-305", "RK-309", "RK-311", "RK-321", "RK-802", "RK-804", "RK-805"];

/// Leaves out the drift of each object that a check fails. If that check leaves its fix to a person, it gets the statements
/// of drift, which restore what this release declares.
pub(super) fn not_said_already(checked: &mut [serde_json::Value], found: Vec<Finding>) -> Vec<Finding> {
    let mut left = Vec::new();
    for finding in found {
        let object = drift::object(&finding);
        // Who accepts the finding of a check has accepted this definition of an object, and no other.
        let is_pinned = |other: &serde_json::Value| {
            !finding.subject.contains(" exists, but is not declared")
                || other["id"].as_str().is_some_and(|id| PIN_DEFINITIONS.contains(&id))
        };
        let by_hand =
            |other: &serde_json::Value| other["fix"].as_str().is_some_and(|fix| fix.starts_with("by hand"));
        // Of several findings about one object, that without statements needs those of drift.
        let said = checked
            .iter_mut()
            .filter(|other| is_pinned(other) && says(other, object))
            .min_by_key(|other| !by_hand(other));
        match said {
            None => left.push(finding),
            Some(other) => {
                if by_hand(other) && finding.fixer.is_some() {
                    other["fix"] = finding.fix.into();
                    other["fixer"] = finding.fixer.into();
                    other["shown"] = finding.shown.into();
                    // Its statements can have several lines, which the checks never print.
                    other["position"] = 1.into();
                }
            }
        }
    }
    left
}

/// Whether a finding of a check fails because this object is not as declared.
fn says(finding: &serde_json::Value, object: &str) -> bool {
    let text = |member: &str| finding[member].as_str().unwrap_or_default();
    let (id, subject) = (text("id"), text("subject"));
    let Some((kind, name)) = object.split_once(' ').filter(|_| text("verdict") == "FAIL") else {
        return false;
    };
    let begins = |beginning: String| subject.starts_with(&beginning);
    let (part, table) = name.split_once(" on ").unwrap_or((name, ""));
    match (id, kind) {
        ("RK-211", "schema") => subject == name || begins(format!("{name} is owned by ")),
        ("RK-301", "table") => begins(format!("{name}: row security ")),
        ("RK-302", "column") => {
            name.strip_suffix(".user_id").is_some_and(|table| begins(format!("{table}: user_id ")))
        }
        ("RK-304", "index" | "constraint") => {
            let key = part.rsplit('.').next().unwrap_or(part);
            subject.contains(&format!(" UNIQUE INDEX {key} ON "))
                || subject.contains(&format!(": unique: {key} EXCLUDE "))
        }
        ("RK-303", "constraint") => {
            part.ends_with("_pkey") && subject == format!("{table} has no primary key")
        }
        ("RK-305", "constraint") => begins(format!("{name}: ")),
        ("RK-306", "constraint") => begins(format!("{name}, definition ")),
        ("RK-307", "constraint") => subject == format!("{name} has no comment"),
        ("RK-307", "comment") => object.strip_prefix("comment on constraint ").is_some_and(|constraint| {
            subject.strip_suffix(" has no comment").is_some_and(|named| named == constraint)
        }),
        ("RK-309", "table") => begins(format!("{name} has ")),
        ("RK-311", "policy") => begins(format!("{table} {part}: ")),
        ("RK-312", "policy") => part == "fence" && subject == format!("{table} has no fence"),
        ("RK-321", "trigger") => subject == name || begins(format!("{name} calls ")),
        ("RK-322", "trigger") => subject == format!("{table} has no trigger that keeps its columns"),
        ("RK-401" | "RK-402" | "RK-403" | "RK-404" | "RK-411", "function") => begins(format!("{name} ")),
        ("RK-802", "view") => begins(format!("view {name} ")),
        ("RK-802", "materialized") => begins(format!("materialized {name} ")),
        ("RK-803", "rule") => subject == object,
        ("RK-804" | "RK-805", "inheritance") => {
            name.strip_prefix("of ").is_some_and(|table| begins(format!("{table} inherits from ")))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::audit::report::Verdict;

    fn drift_of(object: &str) -> Finding {
        let subject = format!("{object} is not as declared (definition 1234abcd)");
        let mut finding = Finding::new(drift::DRIFT, "drift", Verdict::Fail, subject);
        (finding.fix, finding.fixer) = (Some("create it\nagain;".into()), Some("owner"));
        finding
    }

    fn checked(id: &str, subject: &str, verdict: &str, fix: &str) -> Value {
        json!({ "id": id, "subject": subject, "verdict": verdict, "fix": fix, "fixer": null, "position": 0 })
    }

    #[test]
    fn an_object_that_a_check_fails_is_no_drift_as_well() {
        for (id, subject, object) in [
            ("RK-211", "app is owned by bob", "schema app"),
            ("RK-301", "app.tasks: row security NOT enabled, forced; owner rowkeep_owner", "table app.tasks"),
            ("RK-302", "app.tasks: user_id text", "column app.tasks.user_id"),
            (
                "RK-304",
                "app.tasks: unique: CREATE UNIQUE INDEX k ON app.tasks USING btree (id)",
                "index app.k",
            ),
            (
                "RK-304",
                "app.tasks: unique: CREATE UNIQUE INDEX k ON app.tasks USING btree (id)",
                "constraint k on app.tasks",
            ),
            ("RK-307", "c on app.tasks has no comment", "comment on constraint c on app.tasks"),
            ("RK-309", "app.old has every column of app.tasks; owner bob", "table app.old"),
            ("RK-311", "app.tasks fence: RESTRICTIVE all to public, using true", "policy fence on app.tasks"),
            ("RK-312", "app.tasks has no fence", "policy fence on app.tasks"),
            ("RK-321", "tasks_touch on app.tasks", "trigger tasks_touch on app.tasks"),
            ("RK-321", "spy on app.tasks calls public.spy() (definition 1)", "trigger spy on app.tasks"),
            ("RK-411", "app.f() is owned by bob", "function app.f()"),
            ("RK-802", "materialized view app.v (definition 1)", "materialized view app.v"),
            ("RK-804", "public.child inherits from app.tasks", "inheritance of public.child"),
        ] {
            let mut findings = [checked(id, subject, "FAIL", "alter it;")];

            assert!(not_said_already(&mut findings, vec![drift_of(object)]).is_empty(), "{object}");
            let [finding] = findings;
            assert_eq!(finding.get("fix"), Some(&json!("alter it;")));
        }
    }

    #[test]
    fn drift_of_another_object_or_beside_a_note_stays() {
        for (id, subject, verdict, object) in [
            ("RK-311", "app.tasks lax: permissive all", "FAIL", "policy fence on app.tasks"),
            ("RK-411", "app.f() is owned by bob", "FAIL", "function app.f(text)"),
            ("RK-411", "app.f(), definition 1", "NOTE", "function app.f()"),
            ("RK-302", "app.tasks: user_id text", "FAIL", "column app.tasks.title"),
            ("RK-503", "select on app.tasks to bob", "FAIL", "table app.tasks"),
        ] {
            let left = not_said_already(&mut [checked(id, subject, verdict, "")], vec![drift_of(object)]);

            assert_eq!(left.len(), 1, "{subject}");
        }
    }

    #[test]
    fn a_check_that_leaves_its_fix_to_a_person_gets_the_statements_of_drift() {
        let mut findings = [
            checked("RK-403", "app.identify(text) is VOLATILE", "FAIL", "alter it;"),
            checked("RK-403", "app.identify(text) does not have it", "FAIL", "by hand: restore it"),
        ];

        not_said_already(&mut findings, vec![drift_of("function app.identify(text)")]);

        let [other, finding] = findings;
        assert_eq!(other.get("fix"), Some(&json!("alter it;")));
        assert_eq!(finding.get("fix"), Some(&json!("create it\nagain;")));
        assert_eq!(finding.get("fixer"), Some(&json!("owner")));
    }
}
