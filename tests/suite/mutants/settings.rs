//! Settings that are stored for the database, for a role or for the server.

use rowkeep::session::connect_once;
use serde_json::Value;

use super::mutant::{mutant, try_each};
use super::test_cluster::TestCluster;
use crate::operation::audit::audit;
use crate::world::{OwnCluster, releases};

/// These settings end with the copy of the database.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_setting_stored_for_the_database_is_reported() {
    let here = |setting: &str, role: &str| {
        format!("do $$ begin execute format('alter {role} %I set {setting}', current_database()); end $$")
    };
    let mutants = vec![
        mutant(
            here("app.user_id = ''alice''", "database"),
            &["FAIL identity database .. stores app.user_id = 'alice'"],
        )
        .by_hand(),
        mutant(
            here("app.user_id = ''alice''", "role rowkeep_login in database"),
            &["FAIL identity role rowkeep_login in database .. stores app.user_id = 'alice'"],
        ),
        mutant(
            here("app.user_id = ''alice''", "role other_role in database"),
            &["FAIL identity role other_role in database .. stores app.user_id = 'alice'"],
        ),
        mutant(
            here("session_replication_role = replica", "database"),
            &["FAIL settings database .. stores session_replication_role = replica"],
        ),
        mutant(
            here("session_replication_role = replica", "role rowkeep_login in database"),
            &["FAIL settings role rowkeep_login in database .. stores session_replication_role = replica"],
        ),
        mutant(
            here("row_security = off", "database"),
            &["NOTE settings database .. stores row_security = off", "FAIL proof app.tasks: not tried"],
        )
        .by_hand(),
        mutant(
            here("default_transaction_read_only = on", "database"),
            &["NOTE settings database .. stores default_transaction_read_only = on"],
        ),
        mutant(
            here("search_path = public", "role rowkeep_login in database"),
            &["NOTE settings role rowkeep_login in database .. stores search_path = public"],
        ),
        mutant(
            here("role = ''other_role''", "role rowkeep_login in database"),
            &[
                "NOTE settings role rowkeep_login in database .. stores role = other_role",
                "NOTE login rowkeep_login runs as rowkeep_api when the transaction of a request begins",
            ],
        ),
        mutant(
            here("role = ''rowkeep_api''", "database"),
            &[
                "NOTE settings database .. stores role = rowkeep_api: sessions of its members start as that role",
            ],
        ),
        mutant(
            here("log_statement = ''all''", "role rowkeep_login in database"),
            &["NOTE server role rowkeep_login has log_statement = all .. the server log gets the values"],
        ),
        mutant(
            here("log_min_duration_statement = 0", "database"),
            &["NOTE server the server has log_min_duration_statement = 0 .. the server log gets the values"],
        ),
        mutant(
            here("session_preload_libraries = ''auto_explain''", "database"),
            &["NOTE settings database .. stores session_preload_libraries = auto_explain"],
        ),
        mutant(
            here("lock_timeout = ''1h''", "role rowkeep_login in database"),
            &[
                "NOTE login role rowkeep_login in database .. stores lock_timeout = 1h: sql/setup/login.sql does not",
            ],
        ),
        mutant(
            here("statement_timeout = 0", "role rowkeep_login in database"),
            &["NOTE login rowkeep_login runs as rowkeep_api .. not set: statement_timeout"],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

/// The printed fix, or this test, takes each of them back.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_setting_stored_for_a_role_or_the_server_is_reported() {
    let test_cluster = TestCluster::own().await;
    let mutants = vec![
        mutant(
            "alter role rowkeep_login set app.user_id = 'alice'",
            &[
                "FAIL identity role rowkeep_login stores app.user_id = 'alice': each of its sessions begins as that user",
            ],
        ),
        mutant(
            "alter role all set app.user_id = 'alice'",
            &["FAIL identity every role stores app.user_id = 'alice'"],
        ),
        mutant(
            "alter role rowkeep_api set app.user_id = 'alice'",
            &["FAIL identity role rowkeep_api stores app.user_id = 'alice'"],
        ),
        mutant(
            "alter role postgres set app.user_id = 'alice'",
            &["FAIL identity role postgres stores app.user_id = 'alice'"],
        ),
        mutant(
            "alter role rowkeep_login set session_replication_role = replica",
            &["FAIL settings role rowkeep_login stores session_replication_role = replica"],
        ),
        mutant(
            "alter role all set session_replication_role = replica",
            &["FAIL settings every role stores session_replication_role = replica"],
        ),
        mutant(
            "alter role rowkeep_login set row_security = off",
            &["NOTE settings role rowkeep_login stores row_security = off"],
        )
        .undone_by("alter role rowkeep_login reset row_security"),
        mutant(
            "alter role rowkeep_login set search_path = public",
            &["NOTE settings role rowkeep_login stores search_path = public"],
        )
        .undone_by("alter role rowkeep_login reset search_path"),
        mutant(
            "alter role rowkeep_login reset statement_timeout",
            &["NOTE login rowkeep_login runs as rowkeep_api .. not set: statement_timeout"],
        )
        .undone_by("alter role rowkeep_login set statement_timeout = '5s'"),
        mutant(
            "alter role rowkeep_login set lock_timeout = 0",
            &["NOTE login rowkeep_login runs as rowkeep_api .. not set: lock_timeout"],
        )
        .undone_by("alter role rowkeep_login set lock_timeout = '2s'"),
        mutant(
            "alter role rowkeep_login reset idle_in_transaction_session_timeout",
            &["NOTE login rowkeep_login runs as rowkeep_api .. not set: idle_in_transaction_session_timeout"],
        )
        .undone_by("alter role rowkeep_login set idle_in_transaction_session_timeout = '10s'"),
        mutant(
            "alter role rowkeep_login reset role",
            &["NOTE login rowkeep_login runs as rowkeep_api when the transaction of a request begins"],
        )
        .undone_by("alter role rowkeep_login set role = 'rowkeep_api'"),
        mutant(
            "alter role rowkeep_login set role = 'other_role'",
            &["NOTE settings role rowkeep_login stores role = other_role"],
        )
        .undone_by("alter role rowkeep_login set role = 'rowkeep_api'"),
        mutant(
            "alter role rowkeep_login set session_authorization = 'postgres'",
            &["NOTE settings role rowkeep_login stores session_authorization = postgres"],
        )
        .undone_by("alter role rowkeep_login reset session_authorization"),
        mutant(
            "alter role rowkeep_login set statement_timeout = '1h'",
            &["NOTE login role rowkeep_login stores statement_timeout = 1h: sql/setup/login.sql stores 5s"],
        )
        .undone_by("alter role rowkeep_login set statement_timeout = '5s'"),
        mutant(
            "alter role rowkeep_login set work_mem = '10GB'",
            &["NOTE login role rowkeep_login stores work_mem = 10GB: sql/setup/login.sql does not"],
        )
        .undone_by("alter role rowkeep_login reset work_mem"),
        mutant(
            "alter role rowkeep_login set citus.propagate_set_commands = 'none'",
            &["NOTE login role rowkeep_login stores citus.propagate_set_commands = none"],
        )
        .undone_by("alter role rowkeep_login reset citus.propagate_set_commands"),
        // It could log in on a distributed database, where requests reach other nodes as this role.
        mutant(
            "alter role rowkeep_api set statement_timeout = 0",
            &["NOTE login role rowkeep_api stores statement_timeout = 0: sql/setup/login.sql does not"],
        )
        .undone_by("alter role rowkeep_api reset statement_timeout"),
        mutant(
            "grant set on parameter session_replication_role to rowkeep_api",
            &["FAIL grants set on parameter session_replication_role to rowkeep_api"],
        ),
        mutant(
            "grant set on parameter session_replication_role to public",
            &["FAIL grants set on parameter session_replication_role to public"],
        ),
        mutant(
            "grant set, alter system on parameter log_statement to rowkeep_login",
            &[
                "FAIL grants set on parameter log_statement to rowkeep_login",
                "FAIL grants alter system on parameter log_statement to rowkeep_login",
            ],
        ),
    ];
    try_each(&test_cluster, "migrated", mutants).await;
}

/// The finding about a setting that `role` stores, as the login `migrator` sees it.
async fn stored_by(cluster: &OwnCluster, role: &str) -> Option<Value> {
    let mut program = audit(&cluster.url("migrator", "postgres"));
    program.arguments.extend(["--format".to_owned(), "json".to_owned()]);
    let report: Value = serde_json::from_str(&program.run().await.out).expect("JSON");
    let mut facts = report["facts"].as_array().expect("facts").iter();
    let subject = format!("role {role} stores search_path = public, pg_catalog");
    facts.find(|fact| fact["id"] == "RK-511" && fact["subject"] == subject.as_str()).cloned()
}

/// From 16 on, the options of a membership say whose privileges a login has, and CREATEROLE changes only roles that the login
/// may grant (ADMIN).
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn a_stored_setting_is_reported_with_newer_releases_and_its_fix_says_who_can_run_it() {
    for major in releases().into_iter().filter(|major| *major >= 16) {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let make = "
            create role migrator login createrole; grant rowkeep_owner, rowkeep_api to migrator;
            set role migrator; create role made_by_it login; reset role;
            create role made_by_another login; grant rowkeep_api to made_by_it, made_by_another;
            create role can_be_taken; grant can_be_taken to rowkeep_login with admin false, inherit false, set true;
            create role cannot_be_used; grant cannot_be_used to rowkeep_login with admin false, inherit false, set false;
            do $$ declare name text; begin
                foreach name in array array['made_by_it', 'made_by_another', 'can_be_taken', 'cannot_be_used'] loop
                    execute format('alter role %I set search_path = public, pg_catalog', name);
                end loop;
            end $$";
        cluster.superuser("postgres").await.batch_execute(make).await.expect("roles");
        let migrator = connect_once(&cluster.address("migrator", "postgres")).await.expect("a session");

        for (role, fixed_by) in [
            ("made_by_it", None),
            ("made_by_another", Some("a superuser")),
            ("can_be_taken", Some("a superuser")),
        ] {
            let fact =
                stored_by(&cluster, role).await.unwrap_or_else(|| panic!("PostgreSQL {major}: {role}"));

            assert_eq!(fact["verdict"], "FAIL", "PostgreSQL {major}: {fact:#}");
            assert_eq!(fact["fixed_by"].as_str(), fixed_by, "PostgreSQL {major}: {fact:#}");
            let tried = migrator.batch_execute(fact["fix"].as_str().expect("a fix")).await;
            assert_eq!(tried.is_ok(), fixed_by.is_none(), "PostgreSQL {major}: {fact:#} {tried:?}");
            assert_eq!(
                stored_by(&cluster, role).await.is_some(),
                fixed_by.is_some(),
                "PostgreSQL {major}: {role}"
            );
        }
        // Without INHERIT, SET and ADMIN a membership gives nothing.
        assert_eq!(stored_by(&cluster, "cannot_be_used").await, None, "PostgreSQL {major}");
    }
}
