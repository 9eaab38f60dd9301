//! The report as one object. `docs/audit.md` describes its members, whose names do not change.

use serde_json::{Value, json};

use crate::audit::{Fact, Report, Verdict, controls};

pub(super) fn print(report: &Report) -> String {
    let facts: Vec<_> = report.facts.iter().map(fact).collect();
    let object = json!({
        "format": 1,
        "head": report.head,
        "result": {
            "isolation": report.isolation(),
            "facts": report.facts.len(),
            "fail": report.fails(),
            "note": report.count(Verdict::Note),
            "accepted": report.count(Verdict::Accepted),
        },
        "facts": facts,
    });
    format!("{object:#}")
}

fn fact(fact: &Fact) -> Value {
    json!({
        "id": fact.id,
        "verdict": fact.verdict,
        "area": fact.area,
        "subject": fact.subject,
        "fact": fact.fact,
        "difference": fact.difference,
        "fix": fact.fix,
        "fixed_by": fact.fixed_by,
        "accepted": fact.accepted,
        "looked_at": !fact.is_unseen(),
        "controls": controls(&fact.id),
    })
}
