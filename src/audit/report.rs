//! The report of an audit as lines of plain ASCII text, one fact a line.

use textwrap::Options;

/// The greatest width of a line. psql's output of `sql/audit.sql` has the same.
const WIDTH: usize = 118;

/// Widths of the verdict, the id and the subject before a fact, as in `sql/audit.sql`.
const VERDICT_WIDTH: usize = 6;
const ID_WIDTH: usize = 7;
const SUBJECT_WIDTH: usize = 11;

/// How severe a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The fact is as it should be.
    Ok,
    /// Worth knowing, but it breaks nothing by itself.
    Note,
    /// Isolation does not hold, one more mistake would break it, or the database differs from what this release declares.
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Note => "NOTE",
            Self::Fail => "FAIL",
        }
    }

    /// The verdict at the beginning of a line of `sql/audit.sql`. None if the line continues a fact.
    fn of_line(line: &str) -> Option<Self> {
        let word = line.get(..VERDICT_WIDTH)?.trim_end();
        [Self::Ok, Self::Note, Self::Fail].into_iter().find(|verdict| verdict.word() == word)
    }
}

/// One finding of the audit, and how to fix it.
#[derive(Clone, Debug)]
pub struct Fact {
    /// OK, NOTE or FAIL.
    pub verdict: Verdict,
    /// The kind of object, in one word.
    pub subject: &'static str,
    /// The finding as a sentence.
    pub text: String,
    /// Lines of a diff, which begin with `-` (declared) or `+` (in the database).
    pub shown: Vec<String>,
    /// The statement or the command that fixes it.
    pub fix: Option<String>,
}

impl Fact {
    /// A fact without a diff and without a fix.
    pub fn new(verdict: Verdict, subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict, subject, text: text.into(), shown: Vec::new(), fix: None }
    }

    /// This fact, with a fix.
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The stable id of this kind of finding.
    fn id(&self) -> &'static str {
        if self.subject == "proof" { "RK-911" } else { "RK-901" }
    }

    fn lines(&self) -> Vec<String> {
        let first = format!(
            "{:VERDICT_WIDTH$}{:ID_WIDTH$}{:SUBJECT_WIDTH$} ",
            self.verdict.word(),
            self.id(),
            self.subject
        );
        let indent = " ".repeat(VERDICT_WIDTH + ID_WIDTH + SUBJECT_WIDTH + 1);
        let mut lines = wrapped(&ascii(&self.text), &first, &indent);
        for shown in &self.shown {
            // A continued line is indented further than the sign of the diff.
            lines.extend(wrapped(&ascii(shown), &indent, &format!("{indent}    ")));
        }
        if let Some(fix) = &self.fix {
            // People copy the fix and run it, so it must not be changed. A line break inside a quoted text would become part
            // of the text. A replaced letter in a name would name another object.
            let fix = if ascii(fix) == *fix {
                fix.as_str()
            } else {
                "by hand: it takes a name that cannot be printed here"
            };
            let mut fixes = fix.lines();
            lines.push(format!("{indent}fix: {}", fixes.next().unwrap_or_default()));
            lines.extend(fixes.map(|line| format!("{indent}{line}")));
        }
        lines
    }
}

/// All facts of an audit, in order.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: Vec<String>,
    facts: usize,
    notes: usize,
    fails: Vec<String>,
    /// The proof could not be run.
    unproved: bool,
}

impl Report {
    /// Adds the lines that `sql/audit.sql` printed, except the last one with the numbers.
    pub(super) fn add_printed(&mut self, printed: Vec<String>) {
        let mut failing = false;
        for line in printed {
            match Verdict::of_line(&line) {
                None if !line.starts_with(' ') => continue,
                None => {
                    // The line continues a fact or is its fix.
                    failing &= !line.trim_start().starts_with("fix: ");
                    if let Some(fact) = self.fails.last_mut().filter(|_| failing) {
                        *fact = format!("{fact} {}", line.trim_start());
                    }
                }
                Some(verdict) => {
                    failing = verdict == Verdict::Fail;
                    self.count(verdict, line.get(VERDICT_WIDTH..).unwrap_or_default());
                }
            }
            self.lines.push(line);
        }
    }

    pub(super) fn add(&mut self, fact: &Fact) {
        self.unproved |= fact.subject == "proof" && fact.verdict == Verdict::Note;
        self.count(fact.verdict, &format!("{} {} {}", fact.id(), fact.subject, ascii(&fact.text)));
        self.lines.extend(fact.lines());
    }

    fn count(&mut self, verdict: Verdict, fact: &str) {
        self.facts += 1;
        match verdict {
            Verdict::Ok => {}
            Verdict::Note => self.notes += 1,
            Verdict::Fail => self.fails.push(fact.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }

    /// The number of facts with the verdict FAIL.
    pub fn fails(&self) -> usize {
        self.fails.len()
    }

    /// The last line: the numbers and the result.
    pub fn verdict(&self) -> String {
        let held = match self.fails() {
            0 if self.unproved => "NOT PROVED",
            0 => "HELD",
            _ => "NOT HELD",
        };
        format!("{} facts: {} FAIL, {} NOTE      isolation: {held}", self.facts, self.fails(), self.notes)
    }

    /// The subject and text of each fact with the verdict FAIL.
    pub fn failing(&self) -> &[String] {
        &self.fails
    }
}

/// The lines, and a last line with the numbers and the result.
impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        out.write_str(&self.verdict())
    }
}

fn wrapped(text: &str, first: &str, indent: &str) -> Vec<String> {
    let options = Options::new(WIDTH).initial_indent(first).subsequent_indent(indent);
    textwrap::wrap(text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Replaces every character that is not printable ASCII by `?`, except line breaks. Then no name can contain a letter that
/// looks like another.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || (' '..='~').contains(&c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_psql_are_counted_and_its_own_count_is_left_out() {
        let mut report = Report::default();
        let printed = [
            "OK    role        fine",
            "FAIL  policy      a long",
            "                  fact",
            "                  fix: drop policy p;",
            "                  on t;",
            "NOTE  channel     so it is",
            "3 facts: 1 FAIL, 1 NOTE",
        ];

        report.add_printed(printed.map(str::to_owned).into());

        assert_eq!(report.failing(), ["policy a long fact"]);
        let text = report.to_string();
        assert!(text.ends_with("                  on t;\nNOTE  channel     so it is\n3 facts: 1 FAIL, 1 NOTE      isolation: NOT HELD"), "{text}");
    }

    #[test]
    fn a_name_with_any_character_cannot_forge_a_line() {
        let mut fact =
            Fact::new(Verdict::Fail, "drift", "policy \"\nOK    drift       all is well\r\u{430}\" is live");
        fact.shown.push(format!("+ {}", "word ".repeat(40)));
        fact.shown.push(format!("+ {}", "x".repeat(300)));

        let lines = fact.with_fix("drop policy \"\u{202e}\" on app.tasks;\ndrop it;").lines();

        assert_eq!(lines.iter().filter(|line| !line.starts_with(' ')).count(), 1, "{lines:#?}");
        for line in &lines {
            assert!(
                line.len() <= WIDTH && line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_fix_is_never_broken_into_lines() {
        let statement = format!("comment on table t is '{}';", "word ".repeat(40));

        let lines = Fact::new(Verdict::Fail, "drift", "t").with_fix(&*statement).lines();

        assert!(lines.iter().any(|line| line.ends_with(&statement)), "{lines:#?}");
    }
}
