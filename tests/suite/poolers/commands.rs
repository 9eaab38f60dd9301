//! `rowkeep migrate` needs a session of its own, and says so. `rowkeep audit` does not.

use super::pgbouncer::PgBouncer;
use crate::adoption::old_server::{OldServer, adopt, assert_refused};
use crate::operation::program::Program;
use crate::world::Database;
use rowkeep::session::connect_once;

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn migrate_refuses_a_pooler_and_names_the_setting() {
    let (bouncer, database) = (PgBouncer::start(2, "").await, Database::unmigrated().await);
    let url = bouncer.url(&database, "postgres");

    let ended = Program::new(&["migrate"])
        .with(&[
            ("MIGRATION_DATABASE_URL", &url),
            ("DATABASE_URL", &url),
            ("ENVIRONMENT", "staging"),
            ("BETTER_AUTH_SECRET", crate::world::SECRET),
        ])
        .run()
        .await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("connection pooler") && ended.err.contains("MIGRATION_DATABASE_URL"),
        "{ended:?}"
    );
    let schemas = "select count(*) from pg_namespace where nspname in ('app', 'rowkeep')";
    let made: i64 = database.superuser().await.query_one(schemas, &[]).await.expect("a row").get(0);
    assert_eq!(made, 0);
}

/// The address of an old server is often that of a pooler. The tasks are read in one transaction.
#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn adopt_reads_through_a_pooler_and_refuses_to_write_through_one() {
    let (bouncer, old) = (PgBouncer::start(1, "").await, OldServer::new().await);
    let (pooled, direct) = (bouncer.url(&old.database, "postgres"), old.database.url("postgres"));

    let written = adopt(&direct, &pooled, "public.tasks", &[]).run().await;
    let read = adopt(&pooled, &direct, "public.tasks", &[]).run().await;

    assert_refused(
        &written,
        "connection pooler, and this command needs a session of its own: set MIGRATION_DATABASE_URL",
    );
    assert!(read.out.contains("copied    3 tasks"), "{read:?}");
    let other = connect_once(&rowkeep::database::Address::parse(&pooled).expect("an address")).await;
    let left = "select current_setting('row_security') || current_setting('search_path')";
    let row = other.expect("a connection").query_typed(left, &[]).await.expect("settings");
    assert_eq!(row[0].get::<_, String>(0), "on\"$user\", public");
}

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn audit_works_behind_a_pooler_and_leaves_nothing_on_its_connections() {
    let (bouncer, database) = (PgBouncer::start(1, "").await, Database::new().await);
    let url = bouncer.url(&database, "postgres");

    let ended = Program::new(&["audit"])
        .with(&[
            ("DATABASE_URL", &url),
            ("ENVIRONMENT", "staging"),
            ("BETTER_AUTH_SECRET", crate::world::SECRET),
        ])
        .run()
        .await;

    assert!(ended.out.contains("HELD") || ended.code == Some(0), "{ended:?}");
    let other = connect_once(&rowkeep::database::Address::parse(&url).expect("an address"))
        .await
        .expect("a connection");
    let left = "select current_setting('row_security'), current_setting('search_path'), \
                       (select count(*) from pg_locks where locktype = 'advisory')";
    let row = other.query_typed(left, &[]).await.expect("settings");
    let (row_security, search_path, locks): (String, String, i64) =
        (row[0].get(0), row[0].get(1), row[0].get(2));
    assert_eq!((row_security.as_str(), search_path.as_str(), locks), ("on", "\"$user\", public", 0));
}
