//! `rowkeep migrate`: roles, owners, history, migrations and policies, in this order. Skips what is done already. With
//! `--repair` it makes lost objects again before the policies, and sets the sequences.

use std::error::Error as _;
use std::time::Duration;

use futures_util::future::BoxFuture;
use refinery::Target;
use tokio::time::sleep;
use tokio_postgres::{Client, Error};

use super::connect::{cannot_connect, connect, with_timeout};
use super::in_the_way::refuse_foreign_schemas;
use super::lock::{LOCK_WAIT, MigrationLock, is_lock_conflict, table_users};
use super::script::{Migrating, begin_migration, run_script};
use super::server::check_server;
use super::{MIGRATING, SchemaError, Version, migrations, policies, sequences};
use crate::database::{Address, describe};
use crate::session::find_pooler;

const ROLES: &str = include_str!("../../sql/schema/roles.sql");
const OWNERS: &str = include_str!("../../sql/schema/owners.sql");
const HISTORY: &str = include_str!("../../sql/schema/history.sql");
const INDEX_REBUILD: &str = include_str!("../../sql/schema/index_rebuild.sql");
const LETTERS: &str = include_str!("../../sql/schema/letters.sql");
const ACCEPTED_IS_OPEN: &str = include_str!("../../sql/schema/accepted_is_open.sql");
pub(super) const SHORT_SCAN: &str = include_str!("../../sql/schema/short_scan.sql");
const RESTORE_FENCE: &str = include_str!("../../sql/nodes/restore_fence.sql");
const RECORD_POLICIES: &str = include_str!("../../sql/schema/record_policies.sql");

/// How often to try for a table lock that requests or reports hold. Each attempt waits for the `lock_timeout` of
/// `sql/schema/migrating.sql`.
pub(crate) const LOCK_ATTEMPTS: u32 = 15;

/// The migration that builds the indexes of `app.tasks` anew.
const REBUILDS_INDEXES: i32 = 6;

/// The migration that makes the collation of searches.
const MAKES_LETTERS: &str = "V7__letters";

/// The migration that makes the table of the lock.
const MAKES_LOCK: i32 = 8;

/// What [`migrate`] has done.
#[derive(Debug, Default)]
pub struct Migrated {
    /// The file names of the migrations that were applied now.
    pub migrations: Vec<String>,
    /// The objects that were made again now.
    pub objects: Vec<String>,
    /// The sequences that were set now, and to which id.
    pub sequences: Vec<String>,
    /// Whether the policies were applied now.
    pub policies: bool,
}

/// Makes lost objects again, in a session of the migrating login, and returns their names.
pub type RepairObjects = for<'a> fn(&'a mut Client) -> BoxFuture<'a, Result<Vec<String>, SchemaError>>;

/// Which login can migrate.
pub(super) const PRIVILEGES: &str = "The migrating login (MIGRATION_DATABASE_URL) must be a superuser, or have CREATEROLE and own the database.";

/// How to [`migrate_with`].
#[derive(Clone, Copy, Debug)]
pub struct MigrateOptions {
    /// Apply the policies even if the database has those of this release already.
    pub reapply_policies: bool,
    /// Apply the policies even if those of a newer release are in force. Migrations never go back.
    pub allow_older_policies: bool,
    /// Make lost objects again with this, set the sequences behind the ids, and apply the policies.
    pub repair: Option<RepairObjects>,
    /// How long to wait for another process that changes the same database.
    pub lock_wait: Duration,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self { reapply_policies: false, allow_older_policies: false, repair: None, lock_wait: LOCK_WAIT }
    }
}

/// Brings the database at `address` to this release, without going back from a newer one.
///
/// # Errors
/// As [`migrate_with`].
pub async fn migrate(address: &Address, reapply_policies: bool) -> Result<Migrated, SchemaError> {
    migrate_with(address, MigrateOptions { reapply_policies, ..MigrateOptions::default() }).await
}

/// Brings the database at `address` to this release. Writes nothing and takes no lock if the record says that it is there.
///
/// Several processes may do this at once: one does the work, the others wait for it.
///
/// # Errors
/// The step that failed, and why; a database that a newer release has migrated. Each migration has its own transaction, and
/// all policies have one together. What was applied before the error stays applied.
pub async fn migrate_with(address: &Address, options: MigrateOptions) -> Result<Migrated, SchemaError> {
    let reapply_policies = options.reapply_policies || options.repair.is_some();
    let wanted = Version::of_this_release();
    let mut client = connect(address).await?;
    refuse_pooler(address).await?;
    let check = async {
        check_server(&client).await?;
        // A login that may not read the version has no privileges here. The steps below say which it needs.
        Ok(Version::of_database(&client).await.ok().flatten())
    };
    let found = with_timeout(address, check).await?;
    if !reapply_policies && found.as_ref() == Some(&wanted) {
        return Ok(Migrated::default());
    }

    refuse_newer(found.as_ref(), &wanted, options, address)?;

    let mut lock = MigrationLock::take(address, &client, options.lock_wait).await?;
    let preparing = async {
        client.batch_execute(MIGRATING).await?;
        refuse_foreign_schemas(&client, address).await?;
        make_roles(&client).await?;
        // If the version is right and an owner is wrong, the operator decides: the owner may have been changed on purpose.
        if reapply_policies || found.is_some() {
            set_owners(&client).await?;
        }
        make_history(&mut client).await?;
        announce_index_rebuild(&client).await?;
        // Another process may have migrated meanwhile.
        let found = Version::of_database(&client).await?;
        refuse_newer(found.as_ref(), &wanted, options, address)?;
        let is_ahead = found.is_some_and(|found| found.migration > wanted.migration);
        let before_row = Target::Version(MAKES_LOCK);
        let skips = is_ahead || lock.has_row();
        let migrations = if skips { Vec::new() } else { apply_migrations(&mut client, before_row).await? };
        Ok::<_, SchemaError>((is_ahead, migrations))
    };
    let (is_ahead, mut migrations) = lock.during(preparing).await?;

    // Now the table is there. A process that starts at this moment may have it first, and do the rest.
    lock.take_row(&client).await?;
    let finishing = async {
        // So that process may be of a newer release.
        let found = Version::of_database(&client).await?;
        refuse_newer(found.as_ref(), &wanted, options, address)?;
        if !is_ahead {
            migrations.extend(apply_migrations(&mut client, Target::Latest).await?);
        }
        if migrations.iter().any(|migration| migration == MAKES_LETTERS) {
            log_letters(&client).await?;
        }
        let (mut objects, mut sequences) = (Vec::new(), Vec::new());
        if let Some(repair_objects) = options.repair.filter(|_| !is_ahead) {
            objects = repair_objects(&mut client).await?;
            sequences = sequences::repair(&client).await?;
        }
        let found = Version::of_database(&client).await?;
        let policies = reapply_policies || found.is_none_or(|found| found.policies != wanted.policies);
        if policies {
            apply_policies(&mut client, &wanted.policies).await?;
        }
        Ok(Migrated { migrations, objects, sequences, policies })
    };
    lock.during(finishing).await
}

/// A migration needs a session of its own, and so does an adoption. A pooler would leave its settings and its lock to others.
pub(super) async fn refuse_pooler(address: &Address) -> Result<(), SchemaError> {
    let found = find_pooler(address).await;
    let Some(pooler) = found.map_err(|error| cannot_connect(address, &error))? else { return Ok(()) };
    let instead = match pooler.server {
        Some((host, port)) => format!("; the pooler reaches Postgres at {host}:{port}"),
        None => "; the pooler reaches Postgres over a Unix socket".into(),
    };
    Err(SchemaError::Unusable(format!(
        "{address} is a connection pooler, and this command needs a session of its own: set MIGRATION_DATABASE_URL to the \
         address of Postgres itself (Neon: the host without -pooler; Supabase: port 5432){instead}"
    )))
}

/// Servers of the newer release would refuse to serve with older policies.
pub(super) fn refuse_newer(
    found: Option<&Version>,
    wanted: &Version,
    options: MigrateOptions,
    address: &Address,
) -> Result<(), SchemaError> {
    match found {
        Some(found) if found.is_ahead_of(wanted) && !options.allow_older_policies => {
            let newer = if found.has_newer_policies_than(wanted) { "policies" } else { "migrations" };
            Err(SchemaError::Newer(format!(
                "{address} has {newer} of a newer release than this program: run `rowkeep migrate` of that release.\n\
                 To go back to the policies of this release: `rowkeep migrate --allow-older-policies`. Migrations stay."
            )))
        }
        _ => Ok(()),
    }
}

async fn make_roles(client: &Client) -> Result<(), SchemaError> {
    client.batch_execute(ROLES).await.map_err(|error| with_advice(&error, "cannot create the roles"))
}

async fn set_owners(client: &Client) -> Result<(), SchemaError> {
    client.batch_execute(OWNERS).await.map_err(|error| with_advice(&error, "cannot set the owners"))
}

async fn make_history(client: &mut Client) -> Result<(), SchemaError> {
    let made = async {
        let transaction = client.transaction().await?;
        transaction.batch_execute(HISTORY).await?;
        transaction.commit().await
    };
    made.await.map_err(|error| with_advice(&error, "cannot create the schema for the history"))
}

/// Logs how long requests will wait for the migration that builds indexes anew.
async fn announce_index_rebuild(client: &Client) -> Result<(), SchemaError> {
    // Reading the size waits for a lock of the table.
    if Version::of_database(client).await?.is_none_or(|found| found.migration >= REBUILDS_INDEXES) {
        return Ok(());
    }
    let row = match client.query_opt(INDEX_REBUILD, &[]).await {
        Ok(row) => row,
        Err(error) if is_lock_conflict(&error) => {
            return Err(in_use(client, &error, "cannot read the size of app.tasks").await);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(row) = row else { return Ok(()) };
    let (rows, seconds): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    tracing::info!(
        rowkeep.rows = rows,
        rowkeep.expected_seconds = seconds,
        "the next migration builds the indexes of app.tasks anew, and requests wait for it"
    );
    Ok(())
}

/// Logs by which rules searches ignore case: that depends on how PostgreSQL was built.
async fn log_letters(client: &Client) -> Result<(), SchemaError> {
    let row = client.query_one(LETTERS, &[]).await?;
    let (library, locale): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    tracing::info!(
        rowkeep.locale_provider = library,
        rowkeep.locale = locale,
        "searches ignore case by the rules of this locale"
    );
    Ok(())
}

async fn apply_migrations(client: &mut Client, target: Target) -> Result<Vec<String>, SchemaError> {
    let mut runner = migrations::runner().set_target(target);
    runner.set_migration_table_name("rowkeep.migrations");

    let mut applied = Vec::new();
    for attempt in 1.. {
        let (report, error) = match runner.run_async(&mut Migrating(client)).await {
            Ok(report) => (Some(report), None),
            Err(error) => (error.report().cloned(), Some(error)),
        };
        for migration in report.iter().flat_map(|report| report.applied_migrations()) {
            tracing::info!(rowkeep.migration = %migration, "applied a migration");
            applied.push(migration.to_string());
        }

        let Some(error) = error else { break };
        let cause = error.source().and_then(|source| source.downcast_ref::<Error>());
        if attempt < LOCK_ATTEMPTS && cause.is_some_and(is_lock_conflict) {
            pause_before_retry(attempt).await;
            continue;
        }
        return Err(match cause {
            Some(cause) if is_lock_conflict(cause) => in_use(client, cause, &format!("{error}")).await,
            Some(cause) => with_advice(cause, &format!("{error}")),
            None => SchemaError::Unusable(format!("{error}; is this release older than the database?")),
        });
    }
    Ok(applied)
}

async fn apply_policies(client: &mut Client, digest: &str) -> Result<(), SchemaError> {
    let is_open = client.query_opt(ACCEPTED_IS_OPEN, &[]).await?;
    if is_open.map(|row| row.try_get(0)).transpose()?.unwrap_or(false) {
        tracing::warn!(
            rowkeep.advice = "no privilege is kept for it; review its rows, which count again now",
            "another role than rowkeep_owner could write rowkeep.accepted"
        );
    }
    for attempt in 1.. {
        match apply_policies_once(client, digest).await {
            Ok(()) => break,
            Err(error) if attempt < LOCK_ATTEMPTS && is_lock_conflict(&error) => {
                pause_before_retry(attempt).await;
            }
            Err(error) if is_lock_conflict(&error) => {
                return Err(in_use(client, &error, "cannot apply the policies").await);
            }
            Err(error) => return Err(with_advice(&error, "cannot apply the policies")),
        }
    }
    restore_fence(client).await.map_err(|error| {
        SchemaError::Unusable(format!(
            "the policies are applied, and the fence of a shard is left open: {}\n\
             Run sql/scale/restore_fence.sql with psql on the coordinator.",
            describe(&error)
        ))
    })?;
    tracing::info!("applied the policies");
    Ok(())
}

/// A distributed database (Citus) copies the fence to its nodes as a permissive policy. Where they have no event trigger against
/// that, this makes it restrictive.
async fn restore_fence(client: &mut Client) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    run_script(&transaction, RESTORE_FENCE).await?;
    transaction.commit().await
}

async fn apply_policies_once(client: &mut Client, digest: &str) -> Result<(), Error> {
    let transaction = begin_migration(client).await?;
    // Requests wait meanwhile, and a node of a distributed database can hang.
    transaction.batch_execute(SHORT_SCAN).await?;
    for (_, text) in policies::files() {
        run_script(&transaction, text).await?;
    }
    transaction.execute(RECORD_POLICIES, &[&digest]).await?;
    transaction.commit().await
}

pub(crate) async fn pause_before_retry(attempt: u32) {
    tracing::info!(rowkeep.attempt = attempt, "a table is in use, trying again");
    sleep(Duration::from_millis(200) * attempt).await;
}

/// The error after the last attempt, with the sessions that use the tables.
async fn in_use(client: &Client, error: &Error, what: &str) -> SchemaError {
    let users = table_users(client).await;
    SchemaError::Unusable(format!("{what}: {}{users}", describe(error)))
}

pub(super) fn with_advice(error: &Error, what: &str) -> SchemaError {
    let hint = error.as_db_error().and_then(|error| error.hint());
    let message = error.as_db_error().map(|error| error.message()).unwrap_or_default();
    let advice = match (hint, error.code().map(|state| state.code())) {
        (Some(hint), _) => format!("\n{hint}"),
        (None, Some("42501")) if message.starts_with("must be owner of") => {
            "\nIt should belong to rowkeep_owner. `rowkeep migrate --reapply-policies` with a superuser, or with the login \
             that owns it now, sets the owners."
                .into()
        }
        (None, Some("42501")) => format!("\n{PRIVILEGES}"),
        // unique_violation: a sequence is behind the rows, as after rows were restored without it.
        (None, Some("23505")) => "\nRun `rowkeep migrate --repair`, which sets the sequences.".into(),
        _ => String::new(),
    };
    SchemaError::Unusable(format!("{what}: {}{advice}", describe(error)))
}
