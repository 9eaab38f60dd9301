//! Memberships: what they allow, directly and indirectly. Since PostgreSQL 16 they have options.

use rowkeep::audit::audit;
use rowkeep::session::connect_once;

use crate::world::{OwnCluster, releases};

/// The lines that `change` adds to the report, in a cluster of its own. `undo` takes the change back.
async fn adds(cluster: &OwnCluster, change: &str, undo: &str) -> Vec<String> {
    let admin = cluster.superuser("postgres").await;
    let report = async || {
        let report =
            audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report").to_string();
        // Not the first line, which has the time, and not the last, which has the numbers.
        report
            .lines()
            .skip(1)
            .filter(|line| !line.contains(" facts: "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = report().await;
    admin.batch_execute(change).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    let after = report().await;
    admin.batch_execute(undo).await.unwrap_or_else(|error| panic!("{undo}: {error:?}"));
    assert_eq!(report().await, before, "{undo}");
    after.into_iter().filter(|line| !before.contains(line)).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn only_the_options_of_a_membership_that_let_a_role_become_another_are_reported() {
    for major in releases().into_iter().filter(|major| *major >= 16) {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let make = "create role boss bypassrls";
        cluster.superuser("postgres").await.batch_execute(make).await.expect("a role");

        for (options, listed) in [
            ("with admin false, set false, inherit true", false),
            ("with admin false, set true, inherit false", true),
            // A role with ADMIN can grant the membership to itself.
            ("with admin true, set false, inherit false", true),
        ] {
            let change = format!("grant boss to rowkeep_login {options}");
            let added = adds(&cluster, &change, "revoke boss from rowkeep_login").await;

            let named = |line: &String| {
                line.contains(" RK-602 bypass      rowkeep_login can become boss, which has BYPASSRLS")
            };
            assert_eq!(added.iter().any(named), listed, "PostgreSQL {major}: {options}: {added:#?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn a_privilege_of_a_group_is_reported_for_the_login_in_it() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let make = "create role crew; grant crew to rowkeep_login; create table public.copied (title text)";
    cluster.superuser("postgres").await.batch_execute(make).await.expect("a group");

    for (change, undo, named) in [
        (
            "grant set on parameter session_replication_role to crew",
            "revoke set on parameter session_replication_role from crew",
            "FAIL     RK-508 grants      set on parameter session_replication_role to crew",
        ),
        (
            "grant select on pg_statistic to crew",
            "revoke select on pg_statistic from crew",
            "FAIL     RK-507 grants      select on pg_catalog.pg_statistic to crew",
        ),
        (
            "grant select on public.copied to crew",
            "revoke select on public.copied from crew",
            "NOTE     RK-505 grants      select on one table or view of other schemas to crew",
        ),
        (
            "grant create on schema public to crew",
            "revoke create on schema public from crew",
            "NOTE     RK-213 schema      crew may create objects in public",
        ),
        (
            "grant pg_signal_backend to crew",
            "revoke pg_signal_backend from crew",
            "NOTE     RK-704 login       rowkeep_login is a member of pg_signal_backend",
        ),
    ] {
        let added = adds(&cluster, change, undo).await;

        assert!(added.iter().any(|line| line.starts_with(named)), "{change}: {added:#?}");
    }
}

/// What a membership with INHERIT and without SET gives, tried for real: the privileges of a superuser, the functions of a role
/// with BYPASSRLS, and what the other role may grant.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn the_privileges_of_a_role_are_named_also_without_set_role() {
    for major in releases().into_iter().filter(|major| *major >= 16) {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let make = "
            create role heir login; grant postgres to heir with inherit true, set false;
            create role unbound bypassrls; grant usage on schema app to unbound; grant select on app.tasks to unbound;
            create function public.titles() returns setof text language sql security definer as 'select ''nothing''';
            grant create on schema public to unbound; alter function public.titles() owner to unbound;
            create role editor login; grant unbound to editor with inherit true, set false;
            create role desk; grant unbound to desk with admin true, inherit false, set false;
            create role clerk login; grant desk to clerk with inherit true, set false;
            begin; select app.identify('alice'); insert into app.tasks (title) values ('hers'); commit";
        cluster.superuser("postgres").await.batch_execute(make).await.expect("roles");
        let report =
            audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report").to_string();
        let report = report.split_whitespace().collect::<Vec<_>>().join(" ");

        for (login, theft, named) in [
            (
                "heir",
                "select rolpassword from pg_authid",
                "RK-601 bypass heir has the privileges of postgres, a superuser",
            ),
            (
                "editor",
                "create or replace function public.titles() returns setof text language sql security definer as \
                 'select title from app.tasks'",
                "RK-602 bypass editor can change what runs as unbound, which has BYPASSRLS and privileges in app",
            ),
            (
                "clerk",
                "grant unbound to clerk; set role unbound",
                "RK-602 bypass clerk can become unbound, which has BYPASSRLS and privileges in app",
            ),
        ] {
            let thief = connect_once(&cluster.address(login, "postgres")).await.expect("a connection");
            thief
                .batch_execute(theft)
                .await
                .unwrap_or_else(|error| panic!("PostgreSQL {major}: {login}: {error:?}"));
            assert!(
                report.contains(named),
                "PostgreSQL {major}: {named}: {}",
                report.replace(" RK-", "\nRK-")
            );
        }
        let thief = connect_once(&cluster.address("editor", "postgres")).await.expect("a connection");
        let titles = thief.query("select public.titles()", &[]).await.expect("titles");
        assert_eq!(titles.len(), 1, "PostgreSQL {major}");
    }
}

/// Without SET, or with ADMIN of a role whose privileges it does not have, a login cannot migrate. The fix is run.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn a_login_whose_memberships_do_not_let_it_migrate_is_told_so() {
    for major in releases().into_iter().filter(|major| *major >= 16) {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let make = "
            create role fixed login; grant rowkeep_owner, rowkeep_api to fixed with inherit true, set false;
            create role desk; grant rowkeep_owner, rowkeep_api to desk with admin true, inherit false, set false;
            create role chained login; grant desk to chained with inherit false, set true;
            create role served login; grant rowkeep_api to served with inherit true, set false;
            alter role served set role = 'rowkeep_api';
            grant create on database postgres to fixed, chained";
        let admin = cluster.superuser("postgres").await;
        admin.batch_execute(make).await.expect("logins");
        let report = async || {
            let report =
                audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report").to_string();
            report.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let before = report().await;

        for (login, problem, fix) in [
            (
                "fixed",
                "it may not SET ROLE rowkeep_owner",
                "grant rowkeep_owner to fixed with inherit true, set true;",
            ),
            (
                "chained",
                "it does not have the privileges of rowkeep_api; it does not have the privileges of rowkeep_owner",
                "grant rowkeep_api to chained with inherit true, set true; \
                 grant rowkeep_owner to chained with inherit true, set true;",
            ),
        ] {
            let address = cluster.address(login, "postgres");
            let named = format!("NOTE RK-709 login {login} migrates: {problem} ");
            assert!(before.contains(&named) && before.contains(fix), "PostgreSQL {major}: {named}: {before}");
            let error = rowkeep::schema::migrate(&address, true).await.expect_err("no migration");
            assert!(!format!("{error:?}{error}").contains("other sessions"), "PostgreSQL {major}: {error:?}");

            admin.batch_execute(fix).await.expect("the fix");

            rowkeep::schema::migrate(&address, true)
                .await
                .unwrap_or_else(|error| panic!("PostgreSQL {major}: {error:?}"));
            let able = format!("OK RK-709 login {login} migrates: it can act as rowkeep_owner");
            assert!(report().await.contains(&able), "PostgreSQL {major}: {login}");
        }

        let named = "NOTE RK-703 login served cannot become rowkeep_api, which is stored as its role";
        assert!(before.contains(named), "PostgreSQL {major}: {before}");
        admin.batch_execute("grant rowkeep_api to served with set true").await.expect("the fix");
        assert!(
            report().await.contains("login served runs as rowkeep_api from its first statement"),
            "PostgreSQL {major}"
        );
    }
}
