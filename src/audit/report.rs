//! What an audit found, as lines for people: one fact a line, in plain ASCII.

use textwrap::Options;

/// How wide a line is, without the column that psql puts in front of `sql/audit.sql`.
const WIDTH: usize = 118;

/// The columns before a fact: its verdict and its subject, as in `sql/audit.sql`.
const VERDICT: usize = 6;
const SUBJECT: usize = 11;

/// What a fact comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing, and breaks nothing by itself.
    Note,
    /// Isolation does not hold, or is one mistake away from it; or the database is not what this release declares.
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

    /// The verdict that a line of `sql/audit.sql` begins with; none where it continues a fact.
    fn of_line(line: &str) -> Option<Self> {
        let word = line.get(..VERDICT)?.trim_end();
        [Self::Ok, Self::Note, Self::Fail].into_iter().find(|verdict| verdict.word() == word)
    }
}

/// One fact.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it comes to.
    pub verdict: Verdict,
    /// What it is about, in a word.
    pub subject: &'static str,
    /// The fact, in a sentence.
    pub text: String,
    /// What there is to show for it: lines that begin with `-` (declared) or `+` (live).
    pub shown: Vec<String>,
    /// The statement or the command that mends it.
    pub fix: Option<String>,
}

impl Fact {
    /// A fact with nothing to show and nothing to mend.
    pub fn new(verdict: Verdict, subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict, subject, text: text.into(), shown: Vec::new(), fix: None }
    }

    /// The same, with what mends it.
    pub fn mended_by(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    fn lines(&self) -> Vec<String> {
        let first = format!("{:VERDICT$}{:SUBJECT$} ", self.verdict.word(), self.subject);
        let indent = " ".repeat(VERDICT + SUBJECT + 1);
        let mut lines = wrapped(&ascii(&self.text), &first, &indent);
        for shown in &self.shown {
            // What continues a line stands one step in, behind its sign.
            lines.extend(wrapped(&ascii(shown), &indent, &format!("{indent}    ")));
        }
        if let Some(fix) = &self.fix {
            // To be copied as it is: a break of ours inside a quoted text would become part of it, and another letter in a
            // name would reach another object.
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

/// What was found, in order.
#[derive(Clone, Debug, Default)]
pub struct Report {
    lines: Vec<String>,
    facts: usize,
    notes: usize,
    fails: Vec<String>,
    /// Whether nobody could try anything.
    untried: bool,
}

impl Report {
    /// Adds what `sql/audit.sql` printed, without its last line, which counts.
    pub(super) fn add_printed(&mut self, printed: Vec<String>) {
        let mut failing = false;
        for line in printed {
            match Verdict::of_line(&line) {
                None if !line.starts_with(' ') => continue,
                None => {
                    // Either the rest of a fact, or what mends it.
                    failing &= !line.trim_start().starts_with("fix: ");
                    if let Some(fact) = self.fails.last_mut().filter(|_| failing) {
                        *fact = format!("{fact} {}", line.trim_start());
                    }
                }
                Some(verdict) => {
                    failing = verdict == Verdict::Fail;
                    self.count(verdict, line.get(VERDICT..).unwrap_or_default());
                }
            }
            self.lines.push(line);
        }
    }

    /// Adds a fact.
    pub(super) fn add(&mut self, fact: &Fact) {
        self.untried |= fact.subject == "proof" && fact.verdict == Verdict::Note;
        self.count(fact.verdict, &format!("{} {}", fact.subject, ascii(&fact.text)));
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

    /// How many facts break isolation, or differ from this release.
    pub fn fails(&self) -> usize {
        self.fails.len()
    }

    /// What fails: subject and fact.
    pub fn failing(&self) -> &[String] {
        &self.fails
    }
}

/// The lines, and what they come to.
impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        let held = match self.fails() {
            0 if self.untried => "NOT PROVED",
            0 => "HELD",
            _ => "NOT HELD",
        };
        write!(out, "{} facts: {} FAIL, {} NOTE      isolation: {held}", self.facts, self.fails(), self.notes)
    }
}

fn wrapped(text: &str, first: &str, indent: &str) -> Vec<String> {
    let options = Options::new(WIDTH).initial_indent(first).subsequent_indent(indent);
    textwrap::wrap(text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Names are whatever somebody chose: nothing in them may end a line or pass for another letter.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || (' '..='~').contains(&c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_psql_would_print_is_counted_and_its_own_count_is_left_out() {
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
    fn a_fact_stays_in_its_lines_whatever_names_are_in_it() {
        let mut fact =
            Fact::new(Verdict::Fail, "drift", "policy \"\nOK    drift       all is well\r\u{430}\" is live");
        fact.shown.push(format!("+ {}", "word ".repeat(40)));
        fact.shown.push(format!("+ {}", "x".repeat(300)));

        let lines = fact.mended_by("drop policy \"\u{202e}\" on app.tasks;\ndrop it;").lines();

        assert_eq!(lines.iter().filter(|line| !line.starts_with(' ')).count(), 1, "{lines:#?}");
        for line in &lines {
            assert!(
                line.len() <= WIDTH && line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_statement_that_mends_something_is_not_broken_where_it_would_change() {
        let statement = format!("comment on table t is '{}';", "word ".repeat(40));

        let lines = Fact::new(Verdict::Fail, "drift", "t").mended_by(&*statement).lines();

        assert!(lines.iter().any(|line| line.ends_with(&statement)), "{lines:#?}");
    }
}
