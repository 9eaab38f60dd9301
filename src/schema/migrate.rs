//! `rowkeep migrate`: roles, history, migrations, policies, in this order, as far as they are missing.

use std::error::Error as _;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Error};

use super::{NotReady, Version, connect, in_time, look_at_server, migrations, policies};
use crate::database::{Address, describe};

const LOCK: &str = include_str!("../../sql/schema/lock.sql");
const MIGRATING: &str = include_str!("../../sql/schema/migrating.sql");
const ROLES: &str = include_str!("../../sql/schema/roles.sql");
const HISTORY: &str = include_str!("../../sql/schema/history.sql");
const RECORD_POLICIES: &str = include_str!("../../sql/schema/record_policies.sql");

/// How long another process may take to migrate the same database.
const OTHERS: Duration = Duration::from_secs(300);

/// How often a lock that requests or reports hold is tried for, two seconds each time.
const TRIES: u32 = 15;

/// What a migration did.
#[derive(Debug, Default)]
pub struct Migrated {
    /// The migrations that were applied now, by file name.
    pub migrations: Vec<String>,
    /// Whether the policies were applied now.
    pub policies: bool,
}

/// Brings the database at `address` to this release. Does nothing, and takes no lock, when it is there already.
///
/// Several processes may do this at once; one does the work and the others wait for it.
///
/// # Errors
/// What stopped it. Every file is applied in a transaction of its own, the policies all in one: what was applied
/// before stays applied.
pub async fn migrate(address: &Address, reapply_policies: bool) -> Result<Migrated, NotReady> {
    let wanted = Version::of_this_release();
    let mut client = connect(address).await?;
    let look = async {
        look_at_server(&client).await?;
        // A login that may not even look has nothing to do here, and is told so below.
        Ok(Version::of_database(&client).await.ok().flatten())
    };
    let found = in_time(address, look).await?;
    if !reapply_policies && found.as_ref() == Some(&wanted) {
        return Ok(Migrated::default());
    }

    wait_for_turn(&client).await?;
    client.batch_execute(MIGRATING).await?;
    make_roles(&client).await?;
    make_history(&mut client).await?;
    let migrations = apply_migrations(&mut client).await?;

    let found = Version::of_database(&client).await?;
    let policies = reapply_policies || found.is_none_or(|found| found.policies != wanted.policies);
    if policies {
        apply_policies(&mut client, &wanted.policies).await?;
    }
    Ok(Migrated { migrations, policies })
}

/// The lock ends with the connection.
async fn wait_for_turn(client: &Client) -> Result<(), NotReady> {
    let started = Instant::now();
    let mut said = false;
    loop {
        if client.query_one(LOCK, &[]).await?.try_get(0)? {
            return Ok(());
        }
        if started.elapsed() > OTHERS {
            return Err(NotReady("another process has been migrating this database for five minutes".into()));
        }
        if !said {
            tracing::info!("another process is migrating this database, waiting for it");
            said = true;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn make_roles(client: &Client) -> Result<(), NotReady> {
    client.batch_execute(ROLES).await.map_err(|error| with_advice(&error, "cannot make the roles"))
}

async fn make_history(client: &mut Client) -> Result<(), NotReady> {
    let made = async {
        let transaction = client.transaction().await?;
        transaction.batch_execute(HISTORY).await?;
        transaction.commit().await
    };
    made.await.map_err(|error| with_advice(&error, "cannot make the schema for the history"))
}

async fn apply_migrations(client: &mut Client) -> Result<Vec<String>, NotReady> {
    let mut runner = migrations::runner();
    runner.set_migration_table_name("rowkeep.migrations");

    let mut applied = Vec::new();
    for attempt in 1.. {
        let (report, error) = match runner.run_async(client).await {
            Ok(report) => (Some(report), None),
            Err(error) => (error.report().cloned(), Some(error)),
        };
        for migration in report.iter().flat_map(|report| report.applied_migrations()) {
            tracing::info!("applied migration {migration}");
            applied.push(migration.to_string());
        }

        let Some(error) = error else { break };
        let cause = error.source().and_then(|source| source.downcast_ref::<Error>());
        if attempt < TRIES && cause.is_some_and(is_held_up) {
            wait_for_lock(attempt).await;
            continue;
        }
        return Err(match cause {
            Some(cause) => with_advice(cause, &format!("{error}")),
            None => NotReady(format!("{error}; is this release older than the database?")),
        });
    }
    Ok(applied)
}

async fn apply_policies(client: &mut Client, digest: &str) -> Result<(), NotReady> {
    for attempt in 1.. {
        match apply_policies_once(client, digest).await {
            Ok(()) => break,
            Err(error) if attempt < TRIES && is_held_up(&error) => wait_for_lock(attempt).await,
            Err(error) => return Err(with_advice(&error, "cannot apply the policies")),
        }
    }
    tracing::info!("applied the policies");
    Ok(())
}

async fn apply_policies_once(client: &mut Client, digest: &str) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    for (_, text) in policies::files() {
        transaction.batch_execute(text).await?;
    }
    transaction.execute(RECORD_POLICIES, &[&digest]).await?;
    transaction.commit().await
}

/// lock_not_available, or a deadlock with requests that were under way.
fn is_held_up(error: &Error) -> bool {
    matches!(error.code().map(|state| state.code()), Some("55P03" | "40P01"))
}

async fn wait_for_lock(attempt: u32) {
    tracing::info!(attempt, "a table is in use, trying again");
    sleep(Duration::from_millis(200) * attempt).await;
}

fn with_advice(error: &Error, what: &str) -> NotReady {
    let hint = error.as_db_error().and_then(|error| error.hint());
    let advice = match (hint, error.code().map(|state| state.code())) {
        (Some(hint), _) => format!("\n{hint}"),
        (None, Some("42501")) => {
            "\nThe migrating login (MIGRATION_DATABASE_URL) must be a superuser, or have CREATEROLE and own the \
             database."
                .into()
        }
        _ => String::new(),
    };
    NotReady(format!("{what}: {}{advice}", describe(error)))
}
