//! Which logins count as those of requests, and which as those that migrate.

use rowkeep::audit::{Login, audit, audit_as};

use super::in_one_line;
use crate::world::OwnCluster;

/// A migrated cluster with logins of every kind.
async fn cluster() -> OwnCluster {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let logins = "
        create role stored login; grant rowkeep_api to stored; alter role stored set role = 'rowkeep_api';
        create role member login; grant rowkeep_api to member;
        create role crew; grant rowkeep_api to crew; create role in_crew login; grant crew to in_crew;
        create role makes_roles login createrole; grant rowkeep_api to makes_roles;
        create role owner_member login; grant rowkeep_api, rowkeep_owner to owner_member;
        grant create on database postgres to owner_member;
        create role stored_owner login; grant rowkeep_api, rowkeep_owner to stored_owner;
        alter role stored_owner set role = 'rowkeep_api';
        create role owns_table login; grant rowkeep_api to owns_table;
        create table app.others (id bigint); alter table app.others owner to owns_table;
        create role stranger login; create role auditor login; grant rowkeep_auditor to auditor;
        create role powerful login bypassrls; grant rowkeep_api, rowkeep_owner to powerful;";
    cluster.superuser("postgres").await.batch_execute(logins).await.expect("logins");
    cluster
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_login_serves_if_it_starts_as_rowkeep_api_or_can_use_it_and_does_not_migrate() {
    let cluster = cluster().await;

    let report =
        audit_as(&cluster.address("postgres", "postgres"), Login::DoesNotServe).await.expect("a report");

    let report = in_one_line(&report.to_string());
    let serves = |login: &str| report.contains(&format!(" RK-703 login {login} runs as rowkeep_api"));
    let migrates = |login: &str| report.contains(&format!(" RK-709 login {login} migrates"));
    for login in ["stored", "member", "in_crew", "rowkeep_login", "stored_owner"] {
        assert!(serves(login), "{login}: {report}");
    }
    for login in ["makes_roles", "owner_member", "owns_table", "stranger", "auditor", "powerful", "postgres"]
    {
        assert!(!serves(login), "{login}: {report}");
    }
    for login in ["makes_roles", "owner_member", "owns_table", "powerful", "stored_owner"] {
        assert!(migrates(login), "{login}: {report}");
    }
    for login in ["stored", "member", "in_crew", "rowkeep_login", "stranger", "auditor", "postgres"] {
        assert!(!migrates(login), "{login}: {report}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_login_of_database_url_counts_whatever_it_is() {
    let cluster = cluster().await;
    let report = async |login: &str, serves| {
        let address = cluster.address(login, "postgres");
        in_one_line(&audit_as(&address, serves).await.expect("a report").to_string())
    };

    let migrating = report("powerful", Login::Serves).await;
    let superuser = report("postgres", Login::Serves).await;
    let asked_by = report("powerful", Login::DoesNotServe).await;
    let usual = in_one_line(
        &audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report").to_string(),
    );

    let named = "NOTE RK-702 login powerful serves requests: can become rowkeep_owner, the owner of app.tasks; has BYPASSRLS";
    assert!(migrating.contains(named), "{migrating}");
    assert!(superuser.contains("NOTE RK-702 login postgres serves requests: superuser"), "{superuser}");
    assert!(!asked_by.contains("login powerful serves requests"), "{asked_by}");
    assert!(!usual.contains("RK-702 login rowkeep_login"), "{usual}");
}

/// A stored role makes a migration start as the wrong role. That was once printed as a fix.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_login_that_cannot_migrate_is_told_why_and_the_fix_mends_it() {
    let cluster = cluster().await;
    let admin = cluster.superuser("postgres").await;
    let stored = "alter role owner_member set role = 'rowkeep_owner'";
    admin.batch_execute(stored).await.expect("a setting");
    let report = async || {
        in_one_line(
            &audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report").to_string(),
        )
    };
    let before = report().await;

    admin.batch_execute("alter role owner_member reset role").await.expect("the fix");

    let named = "NOTE RK-709 login owner_member migrates: role owner_member stores role = rowkeep_owner: its sessions start as that \
                 role and cannot migrate fix: by hand: alter role owner_member reset role; or let another login migrate";
    assert!(before.contains(named), "{before}");
    assert!(report().await.contains("OK RK-709 login owner_member migrates: it can act as rowkeep_owner"));
}
