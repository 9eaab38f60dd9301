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
const TEXT: usize = 25;

impl Fact {
    pub fn fails(&self) -> bool {
        self.text.starts_with("FAIL ")
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
        if ["OK ", "NOTE ", "FAIL "].iter().any(|verdict| line.starts_with(verdict)) {
            let words = line.split_whitespace().enumerate();
            let words = words.filter(|(number, word)| *number != 1 || !word.starts_with("RK-"));
            let text = words.map(|(_, word)| word).collect::<Vec<_>>().join(" ");
            facts.push(Fact { text, fix: None });
            continue;
        }
        let Some(fact) = facts.last_mut() else { continue };
        let Some(text) = line.strip_prefix(&" ".repeat(TEXT)) else { continue };
        match (&mut fact.fix, text.strip_prefix("fix: ")) {
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
