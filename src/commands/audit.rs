//! `rowkeep audit`: prints the report; an error if a fact fails.

use std::io::Write;
use std::time::Duration;

use super::{Failure, database, stop, unless_stopped};
use crate::audit::{self, Login};
use crate::config::Config;

pub(super) async fn audit(config: &Config, exit_timeout: &mut Duration) -> Result<(), Failure> {
    let auditing = async {
        let (cluster, address) = database(config).await?;
        // The private cluster of development has no other login than its superuser.
        let login = if cluster.is_some() { Login::DoesNotServe } else { Login::Serves };
        Ok((cluster, audit::audit_as(&address, login).await?))
    };
    let (cluster, report) =
        unless_stopped(auditing, exit_timeout, "stopped before the audit was complete: run it again").await?;

    writeln!(std::io::stdout(), "{report}")?;
    stop(cluster).await?;
    match report.fails() {
        0 => Ok(()),
        fails => {
            Err(format!("{fails} FAIL: run the fixes that the report shows, then run the audit again").into())
        }
    }
}
