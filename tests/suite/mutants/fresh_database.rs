//! The report about a freshly migrated database.

use super::report::Fact;
use super::test_cluster::TestCluster;

/// Every fact about a fresh database, except the one about the server's release.
const FACTS: &[&str] = &[
    "OK server max_prepared_transactions is 0: no prepared transactions",
    "OK server no setting writes the values of requests to the server log",
    "OK database DATABASE: owned by postgres",
    "NOTE database public may connect: grant connect on DATABASE to its logins by name, and revoke it from public",
    "NOTE database public may create temporary tables in DATABASE: requests name every table with its schema",
    "OK role rowkeep_api: cannot log in, has no special attribute",
    "OK role rowkeep_auditor: cannot log in, has no special attribute",
    "OK role rowkeep_owner: cannot log in, has no special attribute",
    "OK schema app: owned by rowkeep_owner; the tables and functions of requests",
    "OK schema rowkeep: owned by rowkeep_owner; the migration history, the key of cursors and the lock of migrations",
    "OK schema app: usage to rowkeep_api",
    "OK schema app: usage to rowkeep_auditor",
    "OK schema rowkeep: usage to rowkeep_auditor",
    "OK table app.tasks: row security enabled, forced; owner rowkeep_owner",
    "OK table app.tasks: user_id text collate \"C\" not null default app.current_user_id()",
    "OK table app.tasks: unique: CREATE UNIQUE INDEX tasks_pkey ON app.tasks USING btree (user_id, id)",
    "OK policy app.tasks fence: RESTRICTIVE all to public, using and check (user_id = app.current_user_id())",
    "OK policy app.tasks owner_only: permissive all to rowkeep_api, using and check (user_id = app.current_user_id())",
    "OK trigger tasks_touch on app.tasks: app.tasks_touch()",
    "OK identity app.current_user_id() is STABLE: it does not depend on search_path, and returns null for an empty setting",
    "OK identity app.identify(text) sets user and role for one transaction: it refuses an empty user",
    "OK identity no role and no database stores a value of app.user_id",
    "OK function app.accepted(): SECURITY DEFINER, takes no argument, its search_path is empty",
    "OK function app.current_user_id(): SECURITY INVOKER, names every object with its schema",
    "OK function app.cursor_key(): SECURITY DEFINER, takes no argument, its search_path is empty",
    "OK function app.identify(text): SECURITY INVOKER, names every object with its schema",
    "OK function app.schema_version(): SECURITY DEFINER, takes no argument, its search_path is empty",
    "OK function app.tasks_touch(): SECURITY INVOKER, its search_path is empty",
    "OK grants rowkeep_api on app.tasks: delete, select; insert of title, description, completed; update of title, description, completed",
    "OK grants app.accepted(): execute to rowkeep_api",
    "OK grants app.accepted(): execute to rowkeep_auditor",
    "OK grants app.current_user_id(): execute to rowkeep_api",
    "OK grants app.cursor_key(): execute to rowkeep_api",
    "OK grants app.identify(text): execute to rowkeep_api",
    "OK grants app.schema_version(): execute to rowkeep_api",
    "OK grants app.schema_version(): execute to rowkeep_auditor",
    "OK grants rowkeep.accepted: select to rowkeep_auditor",
    "OK grants rowkeep.migrations: select to rowkeep_auditor",
    "OK grants rowkeep.policies: select to rowkeep_auditor",
    "OK grants nothing else is granted to another role than the owner in app or rowkeep",
    "OK grants no default privilege grants anything on future objects of app or rowkeep",
    "NOTE grants public may take advisory locks, which can use up the locks of the whole server: Rowkeep does not need that, other programs in this database may",
    "NOTE grants public may write large objects, which can fill the disk: Rowkeep does not need that, other programs in this database may",
    "NOTE grants public may write messages to the write-ahead log, for readers of a logical replication slot: Rowkeep does not need that, other programs in this database may",
    "NOTE bypass postgres is a superuser: no policy binds it, and it reads every row",
    "NOTE bypass not looked at: this login cannot read what other databases of this cluster grant to PUBLIC and on functions of extensions",
    "NOTE login postgres serves requests: superuser: sql/setup/login.sql makes a login without such a power",
    "OK login rowkeep_login runs as rowkeep_api from its first statement: idle_in_transaction_session_timeout 10s, lock_timeout 2s, statement_timeout 5s",
    "NOTE login rowkeep_login has no connection limit: it can take every connection of the server",
    "NOTE channel a client that sends SQL as rowkeep_login: can end and watch its other sessions, lift its time limits, lock app.tasks, and change its settings and its password",
    "OK objects 1 of 1 tables of requests force row security",
    "OK objects no view, rule, child table, parent table or publication bypasses the policies of app",
    "NOTE channel a client that sends SQL as rowkeep_api: can see row estimates (EXPLAIN), sizes, and the statements of its other sessions",
    "OK drift migration 9 and the policies are those of this release",
    "OK drift ALL objects and grants are as declared",
    "OK proof app.tasks: 14 of 14 statements of A against 3 rows of B: none seen, none changed",
    "OK proof app.tasks: one prepared statement under two identities and none: each sees its own rows",
    "OK proof app.tasks: no identity: 4 of 4 statements see and change nothing",
    "OK proof app.tasks: an empty identity: 4 of 4 statements see and change nothing",
    "OK proof an identity and its role end with their transaction",
];

/// The facts without the name of the database, the server's release and the number of objects.
fn plain(facts: &[Fact], database: &str) -> Vec<String> {
    let texts = facts.iter().map(|fact| fact.text.replace(database, "DATABASE"));
    texts
        .filter(|text| !text.contains("server PostgreSQL "))
        .map(|text| match text.strip_prefix("OK drift ").and_then(|text| text.split_once(" of ")) {
            Some((some, rest)) if rest.starts_with(&format!("{some} ")) => {
                text.replace(&format!("{some} of {some}"), "ALL")
            }
            _ => text,
        })
        .collect()
}

#[tokio::test]
async fn the_report_about_a_fresh_database_is_exactly_this() {
    let copy = TestCluster::shared().await.copy("migrated").await;

    let audit = copy.audit().await;

    assert_eq!(plain(&audit.facts, &copy.name), FACTS);
    assert_eq!(audit.code, Some(0), "{}", audit.text);
    assert!(audit.text.trim_end().ends_with("isolation: HELD"), "{}", audit.text);
    copy.discard().await;
}

#[tokio::test]
async fn the_release_of_the_server_is_reported_and_is_no_failure() {
    let copy = TestCluster::shared().await.copy("migrated").await;

    let audit = copy.audit().await;

    let releases: Vec<_> =
        audit.facts.iter().filter(|fact| fact.text.contains("server PostgreSQL ")).collect();
    assert_eq!(releases.len(), 1, "{}", audit.text);
    assert!(releases.iter().all(|fact| !fact.fails()), "{releases:?}");
    copy.discard().await;
}
