//! Roles with attributes, memberships or objects that bypass the policies.

use super::mutant::{Mutant, mutant, try_each};
use super::test_cluster::TestCluster;

const OURS: [&str; 3] = ["rowkeep_api", "rowkeep_owner", "rowkeep_auditor"];

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_attribute_of_a_role_of_rowkeep_is_reported() {
    let mut mutants = Vec::new();
    for attribute in ["superuser", "bypassrls", "login", "createrole", "createdb", "replication"] {
        for role in OURS {
            let expected = format!("FAIL role {role} {}", attribute.to_uppercase());
            mutants.push(mutant(format!("alter role {role} {attribute}"), &[&expected]));
        }
    }
    for role in OURS {
        let missing = format!("alter role {role} rename to gone");
        let expected = format!("FAIL role {role}: does not exist");
        mutants.push(mutant(missing, &[&expected]).undone_by(&format!("alter role gone rename to {role}")));
    }
    for (attribute, way) in
        [("superuser", "is a superuser"), ("bypassrls", "has BYPASSRLS"), ("replication", "has REPLICATION")]
    {
        let expected = format!("NOTE bypass rowkeep_api {way}");
        let of_the_role = format!("FAIL role rowkeep_api {}", attribute.to_uppercase());
        let mut seen = vec![expected.as_str(), &of_the_role];
        if attribute != "replication" {
            seen.push("FAIL proof app.tasks: SELECT as A: showed");
        }
        let damage = format!("alter role rowkeep_api {attribute}");
        mutants.push(mutant(damage, &seen));
    }

    try_each(&TestCluster::own().await, "migrated", mutants).await;
}

/// A role of Rowkeep becomes a member of another role.
fn joins(role: &str, of: &str, more: &[&str]) -> Mutant {
    let expected = format!("FAIL role {role} is a member of {of}");
    mutant(format!("grant {of} to {role}"), &[&[expected.as_str()], more].concat())
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_membership_of_a_role_of_rowkeep_is_reported() {
    let test_cluster = TestCluster::own().await;
    let admin = test_cluster.copy("migrated").await;
    let groups =
        "create role everything bypassrls; create role roots superuser; create role copiers replication;
                  create role plain; create role middle; grant everything to middle;
                  create role far; grant middle to far";
    admin.admin.batch_execute(groups).await.expect("roles");
    admin.discard().await;

    let mutants = vec![
        joins(
            "rowkeep_api",
            "rowkeep_owner",
            &["NOTE bypass rowkeep_api can become rowkeep_owner, the owner of app.tasks"],
        ),
        joins("rowkeep_api", "rowkeep_auditor", &[]),
        joins(
            "rowkeep_api",
            "everything",
            &["NOTE bypass rowkeep_api can become everything, which has BYPASSRLS"],
        ),
        joins("rowkeep_api", "roots", &["NOTE bypass rowkeep_api can become roots, a superuser"]),
        joins(
            "rowkeep_api",
            "copiers",
            &["NOTE bypass rowkeep_api can become copiers, which has REPLICATION"],
        ),
        joins("rowkeep_api", "plain", &[]),
        joins(
            "rowkeep_api",
            "middle",
            &["NOTE bypass rowkeep_api can become everything, which has BYPASSRLS"],
        ),
        joins("rowkeep_api", "far", &["NOTE bypass rowkeep_api can become everything, which has BYPASSRLS"]),
        joins(
            "rowkeep_api",
            "pg_read_all_data",
            &["NOTE bypass rowkeep_api is a member of pg_read_all_data"],
        ),
        joins(
            "rowkeep_api",
            "pg_write_all_data",
            &["NOTE bypass rowkeep_api is a member of pg_write_all_data"],
        ),
        joins(
            "rowkeep_api",
            "pg_read_server_files",
            &["NOTE bypass rowkeep_api is a member of pg_read_server_files"],
        ),
        joins(
            "rowkeep_api",
            "pg_write_server_files",
            &["NOTE bypass rowkeep_api is a member of pg_write_server_files"],
        ),
        joins(
            "rowkeep_api",
            "pg_execute_server_program",
            &["NOTE bypass rowkeep_api is a member of pg_execute_server_program"],
        ),
        joins("rowkeep_api", "pg_monitor", &[]),
        joins("rowkeep_api", "pg_signal_backend", &[]),
        joins("rowkeep_auditor", "rowkeep_owner", &["NOTE bypass rowkeep_auditor can become rowkeep_owner"]),
        joins("rowkeep_auditor", "rowkeep_api", &[]),
        joins(
            "rowkeep_auditor",
            "pg_read_all_data",
            &["NOTE bypass rowkeep_auditor is a member of pg_read_all_data"],
        ),
        joins(
            "rowkeep_owner",
            "everything",
            &["NOTE bypass rowkeep_owner can become everything, which has BYPASSRLS"],
        ),
        joins("rowkeep_owner", "rowkeep_api", &[]),
        mutant(
            "grant rowkeep_owner to rowkeep_api with admin option",
            &[
                "FAIL role rowkeep_api is a member of rowkeep_owner",
                "NOTE bypass rowkeep_api can become rowkeep_owner, the owner of app.tasks, and can let others",
            ],
        ),
        mutant(
            "grant rowkeep_owner to plain; grant plain to rowkeep_api",
            &[
                "FAIL role rowkeep_api is a member of plain",
                "NOTE bypass rowkeep_api can become rowkeep_owner",
            ],
        )
        .undone_by("revoke rowkeep_owner from plain; revoke plain from rowkeep_api"),
        mutant(
            "alter role plain noinherit; grant rowkeep_owner to plain; grant plain to rowkeep_api",
            &[
                "FAIL role rowkeep_api is a member of plain",
                "NOTE bypass rowkeep_api can become rowkeep_owner",
            ],
        )
        .undone_by(
            "alter role plain inherit; revoke rowkeep_owner from plain; revoke plain from rowkeep_api",
        ),
    ];
    try_each(&test_cluster, "migrated", mutants).await;
}

/// Roles of others may have any power. The audit lists those that can bypass the policies.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn every_role_that_can_bypass_the_policies_is_listed() {
    let test_cluster = TestCluster::own().await;
    let groups = "create role everything bypassrls; create role middle; grant everything to middle";
    let admin = test_cluster.copy("migrated").await;
    admin.admin.batch_execute(groups).await.expect("roles");
    admin.discard().await;

    // The statements that make the role, and the expected fact.
    let cases = [
        (
            "create role x login bypassrls",
            "NOTE bypass x has BYPASSRLS: it has no privilege on a table of app",
        ),
        (
            "create role x login bypassrls; grant rowkeep_api to x",
            "NOTE login x serves requests: has BYPASSRLS",
        ),
        (
            "create role x login noinherit; grant everything, rowkeep_api to x",
            "NOTE bypass x can become everything, which has BYPASSRLS",
        ),
        (
            "create role x login; grant middle to x",
            "NOTE bypass x can become everything, which has BYPASSRLS",
        ),
        ("create role x login superuser", "NOTE bypass x is a superuser"),
        ("create role x login replication", "NOTE bypass x has REPLICATION"),
        (
            "create role x login; grant rowkeep_owner to x",
            "NOTE bypass x can become rowkeep_owner, the owner of app.tasks: an owner can lift",
        ),
        (
            "create role x login; grant rowkeep_owner, rowkeep_api to x",
            "NOTE bypass x can become rowkeep_owner, the owner of app.tasks: an owner can lift",
        ),
        (
            "create role x login; grant rowkeep_api to x with admin option",
            "NOTE bypass x can become rowkeep_api, and can let others",
        ),
        (
            "create role x login; grant rowkeep_owner to x with admin option",
            "NOTE bypass x can become rowkeep_owner, the owner of app.tasks, and can let others",
        ),
        ("create role x login; grant pg_read_all_data to x", "NOTE bypass x is a member of pg_read_all_data"),
        (
            "create role x login; grant pg_write_all_data to x",
            "NOTE bypass x is a member of pg_write_all_data",
        ),
        (
            "create role x login; grant pg_read_server_files to x",
            "NOTE bypass x is a member of pg_read_server_files",
        ),
        (
            "create role x login; grant pg_execute_server_program to x",
            "NOTE bypass x is a member of pg_execute_server_program",
        ),
        (
            "create role x login; grant rowkeep_api to x",
            "NOTE login x runs as rowkeep_api when the transaction of a request begins",
        ),
        ("create role x login; grant rowkeep_api to x", "NOTE login x has no connection limit"),
        (
            "create role x login; grant rowkeep_api to x",
            "NOTE channel a client that sends SQL as x: can end and watch its other sessions, lift its time limits, lock app.tasks",
        ),
        (
            "create role x login; grant rowkeep_api to x; create schema x authorization x",
            "NOTE login x owns objects in this database: schema x",
        ),
        (
            "create role x login; grant rowkeep_api to x; create view public.v as table app.tasks; alter view public.v owner to x",
            "FAIL objects view public.v .. reads as its owner",
        ),
    ];
    let undo = "drop view if exists public.v; drop schema if exists x; revoke rowkeep_api, rowkeep_owner from x; drop role x";
    let mut mutants: Vec<_> =
        cases.iter().map(|(damage, expected)| mutant(*damage, &[expected]).undone_by(undo)).collect();
    mutants.push(
        mutant(
            "create role x login; do $$ begin execute format('alter database %I owner to x', current_database()); end $$",
            &["NOTE bypass x owns database", "OK database .. owned by x"],
        )
        .undone_by(
            "do $$ begin execute format('alter database %I owner to postgres', current_database()); end $$; drop role x",
        ),
    );
    mutants.push(
        mutant(
            "create role x login; grant rowkeep_api to x; \
             do $$ begin execute format('alter database %I owner to x', current_database()); end $$",
            &["OK database .. owned by x", "NOTE bypass x owns database"],
        )
        .undone_by(
            "do $$ begin execute format('alter database %I owner to postgres', current_database()); end $$; drop role x",
        ),
    );
    mutants.push(mutant(
        "do $$ begin execute format('grant create on database %I to rowkeep_api', current_database()); end $$",
        &["FAIL database rowkeep_api may create schemas in"],
    ));
    mutants.push(mutant(
        "do $$ begin execute format('grant create on database %I to public', current_database()); end $$",
        &["FAIL database public may create schemas in"],
    ));
    mutants.push(
        mutant("revoke rowkeep_api from rowkeep_login; alter role rowkeep_login reset all", &[
                "NOTE login no login is there for requests alone",
            ])
            .undone_by(
                "grant rowkeep_api to rowkeep_login; alter role rowkeep_login set role = 'rowkeep_api'; \
                 alter role rowkeep_login set statement_timeout = '5s'; alter role rowkeep_login set lock_timeout = '2s'; \
                 alter role rowkeep_login set idle_in_transaction_session_timeout = '10s'",
            ),
    );
    mutants.extend([
        mutant(
            "alter role rowkeep_login bypassrls",
            &[
                "NOTE bypass rowkeep_login has BYPASSRLS and privileges in app: it reads every row",
                "FAIL login rowkeep_login serves requests, and no login without such a power does: has BYPASSRLS",
            ],
        )
        .undone_by("alter role rowkeep_login nobypassrls"),
        mutant(
            "alter role rowkeep_login superuser",
            &["NOTE bypass rowkeep_login is a superuser", "FAIL login rowkeep_login serves requests, and no login without such a power does"],
        )
        .undone_by("alter role rowkeep_login nosuperuser"),
    ]);
    try_each(&test_cluster, "migrated", mutants).await;
}
