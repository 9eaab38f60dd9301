//! What a membership lets somebody do, from 16 on with options of its own, and through whom.

use rowkeep::audit::audit;

use crate::world::{OwnCluster, releases};

/// What `change` adds to what an audit says, in a cluster of its own; taken back by `undo`.
async fn adds(cluster: &OwnCluster, change: &str, undo: &str) -> Vec<String> {
    let admin = cluster.superuser("postgres").await;
    let said = async || {
        let report =
            audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report").to_string();
        report.lines().filter(|line| !line.contains(" facts: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = said().await;
    admin.batch_execute(change).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    let after = said().await;
    admin.batch_execute(undo).await.unwrap_or_else(|error| panic!("{undo}: {error:?}"));
    assert_eq!(said().await, before, "{undo}");
    after.into_iter().filter(|line| !before.contains(line)).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn whoever_can_become_somebody_by_an_option_of_a_membership_is_listed_and_nobody_else() {
    let releases: Vec<_> = releases().into_iter().filter(|major| *major >= 16).collect();
    assert!(
        !releases.is_empty(),
        "no PostgreSQL 16 or newer is installed: run `make test-all`, which installs it"
    );
    for major in releases {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let make = "create role boss bypassrls";
        cluster.superuser("postgres").await.batch_execute(make).await.expect("a role");

        for (options, listed) in [
            ("with admin false, set false, inherit true", false),
            ("with admin false, set true, inherit false", true),
            // Whoever may grant it may grant it to themselves.
            ("with admin true, set false, inherit false", true),
        ] {
            let change = format!("grant boss to rowkeep_login {options}");
            let added = adds(&cluster, &change, "revoke boss from rowkeep_login").await;

            let named = |line: &String| {
                line.starts_with("NOTE  bypass      rowkeep_login: ") && line.contains("has BYPASSRLS")
            };
            assert_eq!(added.iter().any(named), listed, "PostgreSQL {major}: {options}: {added:#?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn what_is_granted_to_a_group_is_followed_to_the_login_in_it() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let make = "create role crew; grant crew to rowkeep_login; create table public.copied (title text)";
    cluster.superuser("postgres").await.batch_execute(make).await.expect("a group");

    for (change, undo, named) in [
        (
            "grant set on parameter session_replication_role to crew",
            "revoke set on parameter session_replication_role from crew",
            "FAIL  grants      set on parameter session_replication_role to crew",
        ),
        (
            "grant select on pg_statistic to crew",
            "revoke select on pg_statistic from crew",
            "FAIL  grants      select on pg_catalog.pg_statistic to crew",
        ),
        (
            "grant select on public.copied to crew",
            "revoke select on public.copied from crew",
            "NOTE  grants      select on public.copied to crew",
        ),
        (
            "grant create on schema public to crew",
            "revoke create on schema public from crew",
            "NOTE  schema      public: crew may create objects in it",
        ),
        (
            "grant pg_signal_backend to crew",
            "revoke pg_signal_backend from crew",
            "NOTE  login       rowkeep_login is a member of pg_signal_backend",
        ),
    ] {
        let added = adds(&cluster, change, undo).await;

        assert!(added.iter().any(|line| line.starts_with(named)), "{change}: {added:#?}");
    }
}
