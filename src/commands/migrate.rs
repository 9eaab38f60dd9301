//! `rowkeep migrate`: applies what is missing, and prints what it applied.

use std::io::Write;
use std::time::Duration;

use super::{Failure, database, stop, unless_stopped};
use crate::config::Config;
use crate::logging::printable;
use crate::schema::MigrateOptions;
use crate::{audit, schema};

pub(super) async fn migrate(
    config: &Config,
    options: MigrateOptions,
    exit_timeout: &mut Duration,
) -> Result<(), Failure> {
    let migrating = async {
        let (cluster, address) = match &config.migration_database {
            Some(address) => (None, address.clone()),
            None => database(config).await?,
        };
        let applied = match schema::migrate_with(&address, options).await {
            Ok(applied) => applied,
            Err(error) => match audit::lost_objects(&address).await {
                Some(lost) => return Err(lost.after(&error).into()),
                None => return Err(error.into()),
            },
        };
        let reapplied = audit::Reapplied { policies: applied.policies, sequences: options.repair.is_some() };
        let integrity = audit::check_integrity(&address, reapplied).await;
        Ok((cluster, address, applied, integrity))
    };
    let (cluster, address, applied, integrity) =
        unless_stopped(migrating, exit_timeout, "stopped before the migration was complete: run it again")
            .await?;

    let mut out = std::io::stdout().lock();
    for migration in &applied.migrations {
        writeln!(out, "applied {migration}")?;
    }
    for object in &applied.objects {
        writeln!(out, "repaired {object}")?;
    }
    for sequence in &applied.sequences {
        writeln!(out, "set the sequence {}", printable(sequence))?;
    }
    if applied.policies {
        writeln!(out, "applied the policies")?;
    } else if applied.migrations.is_empty() && integrity.is_ok() {
        writeln!(out, "nothing to do: {address} is up to date")?;
    }
    drop(out);
    stop(cluster).await?;
    Ok(integrity?)
}
