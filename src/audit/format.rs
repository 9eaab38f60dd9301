//! The formats of a report: text for people, JSON and JUnit for machines, Markdown for a file of compliance.

mod json;
mod junit;
mod markdown;

use clap::ValueEnum;

use super::Report;

/// The format in which a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines of text, as psql prints them
    Text,
    /// One object, which docs/audit.md describes
    Json,
    /// A test case for each fact, for systems that run tests
    Junit,
    /// A page with the controls of CIS and SOC 2 that each check answers
    Markdown,
}

impl Format {
    /// The report in this format. `notes_fail`: each NOTE counts as a failure.
    pub fn print(self, report: &Report, notes_fail: bool) -> String {
        match self {
            Self::Text => report.to_string(),
            Self::Json => json::print(report),
            Self::Junit => junit::print(report, notes_fail),
            Self::Markdown => markdown::print(report),
        }
    }
}
