//! `rowkeep adopt`: shows what an adoption will do, does it, and audits the database.

use std::io::Write;
use std::time::Duration;

use tokio_postgres::Client;

use super::{Failure, database, stop, unless_stopped};
use crate::adopt::{Adoption, Progress, Table, counted};
use crate::audit;
use crate::config::Config;
use crate::database::Address;
use crate::logging::printable;
use crate::schema::maintenance_session;

/// How many problems of single rows are shown without `--all-problems`.
const SHOWN_PROBLEMS: i64 = 20;

/// What the command line says about an adoption.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) table: Table,
    /// Whether the adoption is only shown.
    pub(super) dry_run: bool,
    pub(super) all_problems: bool,
}

pub(super) async fn adopt(
    config: &Config,
    request: &Request,
    exit_timeout: &mut Duration,
) -> Result<(), Failure> {
    let adopting = async {
        let (cluster, to) = match &config.migration_database {
            Some(address) => (None, address.clone()),
            None => database(config).await?,
        };
        let from = config.source_database.as_ref().ok_or("SOURCE_DATABASE_URL is missing")?;
        copy(from, &to, request).await?;
        Ok(cluster)
    };
    let stopped = "stopped: if the tasks were not copied yet, nothing was changed; run it again, it copies only what is missing";
    let cluster = unless_stopped(adopting, exit_timeout, stopped).await?;
    stop(cluster).await
}

async fn copy(from: &Address, to: &Address, request: &Request) -> Result<(), Failure> {
    let (session, lock) = maintenance_session(to).await?;
    lock.during(copy_in(session, from, to, request)).await
}

async fn copy_in(session: Client, from: &Address, to: &Address, request: &Request) -> Result<(), Failure> {
    // Whatever is wrong with the target now must not be taken for the work of the adoption.
    audit::check_integrity(to, audit::Reapplied::default()).await?;
    let progress = Progress::start();
    let adoption = Adoption::prepare(from, &request.table, to, session, &progress).await?;
    let plan = adoption.plan();
    let summary = plan.summary.clone();
    let mut out = std::io::stdout();
    writeln!(out, "{plan}")?;

    if summary.problems > 0 {
        let limit = if request.all_problems { i64::MAX } else { SHOWN_PROBLEMS };
        adoption.each_problem(limit, |line| writeln!(out, "          {}", printable(&line))).await?;
        if summary.problems > limit {
            writeln!(out, "          and {} more: --all-problems shows them", summary.problems - limit)?;
        }
        adoption.roll_back().await?;
        return Err(format!(
            "nothing was changed: {} of {} rows cannot be adopted. Change them in the source, or adopt a view that changes or \
             leaves them out",
            summary.broken, summary.tasks
        )
        .into());
    }
    if request.dry_run {
        adoption.roll_back().await?;
        writeln!(out, "nothing was changed: this was a preview (--dry-run)")?;
        return Ok(());
    }

    adoption.commit(&progress).await?;
    writeln!(
        out,
        "copied    {}; count and checksum of each user are those of the source",
        counted(summary.missing(), "task")
    )?;
    let report = audit::audit_as(to, audit::Login::DoesNotServe)
        .await
        .map_err(|error| format!("the tasks are copied, but the audit has failed: {error}"))?;
    for fact in report.failing() {
        writeln!(out, "FAIL      {fact}")?;
    }
    writeln!(out, "audit     {}", report.verdict())?;
    match report.fails() {
        0 => Ok(()),
        fails => Err(format!(
            "the tasks are copied, but the audit has {fails} FAIL: `rowkeep audit` shows how to fix them"
        )
        .into()),
    }
}
