//! A cluster with many people in it: the report stays a page, and its fixes lock nobody out.

use super::{PAGE, in_one_line, lines};
use crate::world::OwnCluster;

/// A group of people is a member of the database's owner, as Zalando's operator makes it; another reads everything; Vault makes
/// logins for requests.
const CROWD: &str = "
    create role dbowner; create role admin in role dbowner; alter database postgres owner to dbowner;
    create role analysts in role pg_read_all_data; create role watch; create role maker;
    do $$ begin
        for n in 1..25 loop execute format('create role human%s login in role admin', n); end loop;
        for n in 1..40 loop execute format('create role analyst%s login in role analysts', n); end loop;
        for n in 1..20 loop execute format('create role \"v-token-%s\" login in role rowkeep_api', n); end loop;
    end $$;
    alter default privileges for role maker grant select on tables to watch;
    alter default privileges for role maker grant usage on sequences to watch;
    alter default privileges for role maker grant insert on tables to analysts;
    alter default privileges for role maker grant usage on schemas to watch";

async fn report(cluster: &OwnCluster) -> String {
    let script = format!("{}/sql/audit.sql", env!("CARGO_MANIFEST_DIR"));
    let output = cluster.psql("postgres", &["-t", "-A", "-f", &script]).await;
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

async fn after(statements: &str) -> String {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    report(&cluster).await
}

/// The finding that begins with this text, with its fix.
fn finding(report: &str, begins: &str) -> String {
    let report = in_one_line(report);
    let from = report.find(begins).unwrap_or_else(|| panic!("{begins}: {report}"));
    let rest = &report[from..];
    let end =
        ["OK RK-", "NOTE RK-", "FAIL RK-"].iter().filter_map(|next| Some(rest[1..].find(next)? + 1)).min();
    rest[..end.unwrap_or(rest.len())].to_owned()
}

#[tokio::test]
async fn roles_about_which_the_audit_says_the_same_share_a_line() {
    let report = after(CROWD).await;

    assert_eq!(lines(&report, "FAIL"), [""; 0], "{report}");
    let notes = lines(&report, "NOTE");
    assert!(notes.len() <= PAGE / 2, "{} notes: {notes:#?}", notes.len());
    let owns = finding(&report, "NOTE RK-620 bypass each of admin, human1, human10, ");
    assert!(
        owns.contains(" and 16 more (")
            && owns.contains(") is a member of dbowner, which owns database postgres")
    );
    assert!(in_one_line(&report).contains("NOTE RK-620 bypass dbowner owns database postgres"), "{report}");
    let reads = finding(&report, "NOTE RK-609 bypass each of analyst1, ");
    assert!(reads.contains(" fix: revoke pg_read_all_data from analysts"), "{reads}");
    for id in [
        "RK-605 bypass each",
        "RK-703 login each",
        "RK-706 login each",
        "RK-708 channel a client that sends SQL as one",
    ] {
        let line = finding(&report, &format!("NOTE {id} of "));
        assert!(line.contains("\"v-token-1\", "), "{line}");
    }
    let granted = finding(&report, "NOTE RK-504 grants future objects of maker are granted: ");
    assert!(
        granted.contains("usage on schemas to watch; ") && granted.contains("insert on tables to analysts; "),
        "{granted}"
    );
}

/// Who accepts such a line has accepted these roles, and no other.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn one_role_more_in_a_line_is_another_finding() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute(CROWD).await.expect("people");
    let before = finding(&report(&cluster).await, "NOTE RK-609 bypass each of analyst1, ");

    // One that is not among the ten names.
    admin
        .batch_execute("drop role analyst9; create role analyst99 login in role analysts")
        .await
        .expect("a role");

    let after = finding(&report(&cluster).await, "NOTE RK-609 bypass each of analyst1, ");
    assert_ne!(before, after);
}

#[tokio::test]
async fn the_fix_that_takes_connect_from_public_names_each_login_that_loses_it() {
    let report = after(
        "create role metabase login; create role hasura login; create role support login in role rowkeep_api",
    )
    .await;

    let fix = finding(&report, "NOTE RK-106 database public may connect");

    let expected = "fix: by hand: these logins cannot connect any more unless they are granted it as well: hasura, metabase; \
                    grant connect on database postgres to support; revoke connect on database postgres from public;";
    assert!(fix.contains(&in_one_line(expected)), "{fix}");
}

/// To store the role for it would hide what it can do.
#[tokio::test]
async fn a_login_that_may_not_serve_is_not_told_to_start_as_rowkeep_api() {
    let report =
        after("create role support login in role rowkeep_api; create type app.mood as enum ('good')").await;

    let member = finding(&report, "NOTE RK-605 bypass support can become rowkeep_api");
    let starts = finding(&report, "NOTE RK-703 login support runs as rowkeep_api");

    assert!(
        member.contains("fix: by hand: if it does not serve requests, revoke rowkeep_api from support"),
        "{member}"
    );
    assert!(starts.contains("fix: by hand: if it serves requests, alter role support set role"), "{starts}");
    let moved = finding(&report, "NOTE RK-815 objects objects in app");
    assert!(moved.contains("(alter type ... set schema ...)"), "{moved}");
}
