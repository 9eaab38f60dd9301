//! The printed report of an audit, split into facts.

/// A fact: its lines joined into one, and its fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Verdict, area and text, without the id.
    pub text: String,
    /// The text after `fix:`.
    pub fix: Option<String>,
}

/// The column at which texts begin.
const TEXT: usize = 28;

impl Fact {
    pub fn fails(&self) -> bool {
        self.text.starts_with("FAIL ")
    }

    /// Whether its fix is a statement or a command, and not a text for a person.
    pub fn is_runnable(&self) -> bool {
        const VERBS: [&str; 11] = [
            "alter ",
            "comment ",
            "create ",
            "drop ",
            "grant ",
            "reassign ",
            "reindex ",
            "revoke ",
            "rollback ",
            "select ",
            "set ",
        ];
        self.fix.as_deref().is_some_and(|fix| {
            let lower = fix.to_lowercase();
            VERBS.iter().any(|verb| lower.starts_with(verb))
                || ["rowkeep migrate", "rowkeep migrate --reapply-policies", "rowkeep migrate --repair"]
                    .contains(&fix)
        })
    }

    /// Whether the fact contains this text. Line breaks do not matter; ` .. ` skips some words.
    pub fn contains(&self, wanted: &str) -> bool {
        let text = without_blanks(&self.text);
        let mut rest = text.as_str();
        wanted.split(" .. ").all(|words| match rest.split_once(&without_blanks(words)) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The facts of a report, without its last line.
pub fn facts(report: &str) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for line in report.lines() {
        if ["OK ", "NOTE ", "FAIL ", "ACCEPTED "].iter().any(|verdict| line.starts_with(verdict)) {
            let words = line.split_whitespace().enumerate();
            let words = words.filter(|(number, word)| *number != 1 || !word.starts_with("RK-"));
            let text = words.map(|(_, word)| word).collect::<Vec<_>>().join(" ");
            facts.push(Fact { text, fix: None });
            continue;
        }
        let Some(fact) = facts.last_mut() else { continue };
        // The lines of a function are not indented, whatever they begin with.
        let is_function = |fix: &&mut String| fix.starts_with("CREATE OR REPLACE FUNCTION ");
        if let Some(fix) = fact.fix.as_mut().filter(is_function) {
            if !line.contains(" facts: ") {
                fix.push('\n');
                fix.push_str(line);
            }
            continue;
        }
        let Some(text) = line.strip_prefix(&" ".repeat(TEXT)) else { continue };
        // A fix that this login cannot run says who can: `fix as rowkeep_owner: `.
        let begun = text.strip_prefix("fix").and_then(|rest| rest.split_once(": "));
        let begun = begun.filter(|(by, _)| by.is_empty() || by.starts_with(" as ") || by.starts_with(" by "));
        match (&mut fact.fix, begun.map(|(_, fix)| fix)) {
            (Some(fix), _) => {
                fix.push('\n');
                fix.push_str(text);
            }
            (None, Some(begun)) => fact.fix = Some(begun.to_owned()),
            (None, None) => {
                fact.text.push(' ');
                fact.text.push_str(text.trim());
            }
        }
    }
    facts
}
