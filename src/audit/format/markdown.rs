//! The report as a page that a compliance reviewer can file: what was found, and which controls each check answers.

use std::fmt::Write;

use crate::audit::{Fact, Report, Verdict, controls};

pub(super) fn print(report: &Report) -> String {
    let head = &report.head;
    let mut out = String::from("# Audit of row-level security\n\n| | |\n|---|---|\n");
    let unknown = || "not read".to_owned();
    let migration = match (head.migration, &head.migrations) {
        (Some(number), Some(digest)) => format!("{number}, digest {digest}"),
        (Some(number), None) => number.to_string(),
        (None, _) => unknown(),
    };
    let rows = [
        ("Result", format!("isolation {}", report.isolation())),
        ("Time", head.time.clone()),
        ("Host", head.host.clone()),
        ("Database", head.database.clone()),
        ("PostgreSQL", head.server.clone()),
        ("Rowkeep", head.release.clone()),
        ("Login of the audit", head.login.clone()),
        ("Last migration", migration),
        ("Policies (SHA-256)", head.policies.clone().unwrap_or_else(unknown)),
    ];
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {} |", cell(&value));
    }

    for (verdict, title) in [
        (Verdict::Fail, "Failures"),
        (Verdict::Accepted, "Accepted"),
        (Verdict::Note, "Notes"),
        (Verdict::Ok, "As it should be"),
    ] {
        let facts: Vec<_> = report.facts.iter().filter(|fact| fact.verdict == verdict).collect();
        let _ = writeln!(out, "\n## {title} ({})\n", facts.len());
        if facts.is_empty() {
            out.push_str("None.\n");
            continue;
        }
        out.push_str("| id | finding | controls |\n|---|---|---|\n");
        for fact in facts {
            let _ =
                writeln!(out, "| {} | {} | {} |", fact.id, finding(fact), controls(&fact.id).join("<br>"));
        }
    }
    out.push_str(
        "\nThe controls are sections of the CIS PostgreSQL 17 Benchmark 1.1.0 and criteria of SOC 2. A check is evidence for \
         a control, and does not cover it alone.\n\n",
    );
    out.push_str(&cell(&report.verdict()));
    out
}

fn finding(fact: &Fact) -> String {
    let mut text = format!("{}: {}", fact.area, cell(&fact.sentence()));
    if let Some(difference) = &fact.difference {
        let _ = write!(text, "<br>Difference (- declared, + in the database):<br>{}", cell(difference));
    }
    if let Some(accepted) = &fact.accepted {
        let until = accepted.until.as_deref().map_or("without end".into(), |until| format!("until {until}"));
        let _ = write!(text, "<br>Accepted by {} {until}: {}", cell(&accepted.who), cell(&accepted.why));
    }
    if let Some(fix) = fact.fix.as_deref().filter(|_| fact.verdict != Verdict::Accepted) {
        let by = fact.fixed_by.as_deref().map_or(String::new(), |by| format!(" by {}", cell(by)));
        let _ = write!(text, "<br>Fix{by}: {}", cell(fix));
    }
    text
}

/// A text as one cell of a table. Nothing in it is markup.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '$' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
