//! What the repository declares (`sql/audit/declared/`) is what a freshly migrated database has, release by release.
//!
//! After a new migration or a change of the policies: `make declared` writes it anew, and the diff says what changes.

use std::path::PathBuf;

use rowkeep::audit::{Catalogue, audit};

use crate::world::{OwnCluster, releases};

fn file(major: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("sql/audit/declared/{major}.txt"))
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn what_is_declared_is_what_a_fresh_database_of_each_release_has() {
    for major in releases() {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let client = cluster.superuser("postgres").await;

        let found = Catalogue::of_database(&client).await.expect("a catalogue").to_text();

        if std::env::var_os("ROWKEEP_DECLARE").is_some() {
            std::fs::write(file(major), &found).expect("a file to write");
            continue;
        }
        let declared = std::fs::read_to_string(file(major)).unwrap_or_default();
        assert!(
            declared == found,
            "sql/audit/declared/{major}.txt is not what is live: run `make declared`\n{found}"
        );
    }
}

/// On every release the same facts, but for what the release is.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn a_fresh_database_of_each_release_passes_the_audit() {
    let mut all = Vec::new();
    for major in releases() {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;

        let report = audit(&cluster.address("rowkeep_login", "postgres")).await.expect("a report");

        assert_eq!(report.failing(), [""; 0], "PostgreSQL {major}:\n{report}");
        let text = report.to_string();
        assert!(text.contains(&format!("server      PostgreSQL {major}.")), "{text}");
        let of_release = |line: &&str| {
            !line.contains("server      PostgreSQL") && !line.contains("fix: update PostgreSQL")
        };
        let lines = text.lines().filter(of_release).filter(|line| !line.contains(" facts: "));
        all.push(lines.map(str::to_owned).collect::<Vec<_>>());
    }
    for lines in &all {
        assert_eq!(*lines, all[0]);
    }
}
