//! `rowkeep audit`: prints the report. The exit status says what it is.

use std::io::Write;
use std::time::Duration;

use super::{ExitStatus, Failure, database, stop, unless_stopped};
use crate::audit::{self, Format, Login, Report, Verdict};
use crate::config::{Config, FailOn};

/// A fact fails.
const FAILED: u8 = 1;
/// Nothing was audited.
const NOT_AUDITED: u8 = 2;
/// Nothing fails, but the proof could not be run.
const NOT_PROVED: u8 = 3;

pub(super) async fn audit(
    config: &Config,
    format: Format,
    fail_on: FailOn,
    exit_timeout: &mut Duration,
) -> Result<(), Failure> {
    let auditing = async {
        let (cluster, address) = database(config).await?;
        // The private cluster of development has no other login than its superuser.
        let login = if cluster.is_some() { Login::DoesNotServe } else { Login::Serves };
        Ok((cluster, audit::audit_as(&address, login).await?))
    };
    let (cluster, report) =
        unless_stopped(auditing, exit_timeout, "stopped before the audit was complete: run it again").await?;

    writeln!(std::io::stdout(), "{}", format.print(&report, fail_on == FailOn::Note))?;
    stop(cluster).await?;
    judge(&report, fail_on)
}

fn judge(report: &Report, fail_on: FailOn) -> Result<(), Failure> {
    // What this login cannot try is a NOTE as well. It is no failure of the database.
    let is_note = |fact: &&audit::Fact| fact.verdict == Verdict::Note && !fact.is_unseen();
    let notes = report.facts.iter().filter(is_note).count();
    let (status, text) = match (report.fails(), notes) {
        (0, notes) if fail_on == FailOn::Note && notes > 0 => {
            (FAILED, format!("{notes} NOTE: run the fixes that the report shows, or accept them (docs/audit.md)"))
        }
        (0, _) if report.is_unproved() => (
            NOT_PROVED,
            "no FAIL, but not proved: run the audit with a login that may take on rowkeep_api, on the primary, while \
             every node answers"
                .into(),
        ),
        (0, _) => return Ok(()),
        (fails, _) => (
            FAILED,
            format!("{fails} FAIL: run the fixes that the report shows, then run the audit again"),
        ),
    };
    Err(ExitStatus { status, text }.into())
}

/// The error of an audit that did not take place.
pub(super) fn not_audited(failure: Failure) -> Failure {
    if failure.is::<ExitStatus>() {
        return failure;
    }
    ExitStatus { status: NOT_AUDITED, text: failure.to_string() }.into()
}
