//! The report as JUnit's XML: each fact is a test case. A FAIL is a failure, and what was not looked at is skipped.

use std::fmt::Write;

use crate::audit::{Fact, Report, Verdict};

pub(super) fn print(report: &Report, notes_fail: bool) -> String {
    let fails = |fact: &&Fact| is_failure(fact, notes_fail);
    let failures = report.facts.iter().filter(fails).count();
    let skipped = report.facts.iter().filter(|fact| fact.is_unseen()).count();
    let (tests, head) = (report.facts.len(), &report.head);
    // The schema of JUnit wants a time without a zone.
    let time = head.time.trim_end_matches('Z');

    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
    let _ = writeln!(out, "<testsuites name=\"rowkeep audit\" {counts}>");
    let _ = writeln!(
        out,
        "  <testsuite name=\"rowkeep audit\" {counts} skipped=\"{skipped}\" time=\"0\" timestamp=\"{time}\" hostname=\"{}\">",
        escaped(&head.host)
    );
    let _ = writeln!(out, "    <properties>");
    let migration = head.migration.map(|migration| migration.to_string());
    let properties = [
        ("database", Some(head.database.as_str())),
        ("login", Some(&head.login)),
        ("server", Some(&head.server)),
        ("release", Some(&head.release)),
        ("migration", migration.as_deref()),
        ("migrations", head.migrations.as_deref()),
        ("policies", head.policies.as_deref()),
        ("isolation", Some(report.isolation())),
    ];
    for (name, value) in properties {
        let value = escaped(value.unwrap_or_default());
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    let _ = writeln!(out, "    </properties>");
    for fact in &report.facts {
        write_case(&mut out, fact, notes_fail);
    }
    out.push_str("  </testsuite>\n</testsuites>");
    out
}

fn is_failure(fact: &Fact, notes_fail: bool) -> bool {
    fact.verdict == Verdict::Fail || notes_fail && fact.verdict == Verdict::Note && !fact.is_unseen()
}

fn write_case(out: &mut String, fact: &Fact, notes_fail: bool) {
    let name = escaped(&format!("{} {}", fact.id, fact.subject));
    let class = format!("rowkeep.audit.{}", escaped(&fact.area.replace(' ', "_")));
    let _ = write!(out, "    <testcase name=\"{name}\" classname=\"{class}\" time=\"0\"");
    // The lines say all: the fact, its difference, its fix, and who has accepted it.
    let (message, lines) = (escaped(&fact.sentence()), escaped(&fact.lines.join("\n")));
    let verdict = fact.verdict.word();
    let _ = match fact.verdict {
        _ if is_failure(fact, notes_fail) => writeln!(
            out,
            ">\n      <failure message=\"{message}\" type=\"{verdict}\">{lines}</failure>\n    </testcase>"
        ),
        _ if fact.is_unseen() => writeln!(out, ">\n      <skipped message=\"{message}\"/>\n    </testcase>"),
        Verdict::Ok => writeln!(out, "/>"),
        _ => writeln!(out, ">\n      <system-out>{lines}</system-out>\n    </testcase>"),
    };
}

/// A text in XML. Control characters are not allowed in XML at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
