//! `sql/audit/declared/` is what a freshly migrated database has, on each release of PostgreSQL: `all.txt`, and a file for a
//! release only if something differs there.
//!
//! After a new migration or a change of the policies, `make declared` writes these files again. Their diff shows what changed.

use std::path::PathBuf;

use rowkeep::audit::{Catalogue, audit};

use crate::world::{OwnCluster, releases};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("sql/audit/declared/{name}.txt"))
}

#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn a_fresh_database_of_each_release_has_what_is_declared() {
    let mut fresh = Vec::new();
    for major in releases() {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let client = cluster.superuser("postgres").await;
        fresh.push((major, Catalogue::of_database(&client).await.expect("a catalogue")));
    }

    if std::env::var_os("ROWKEEP_DECLARE").is_some() {
        return declare(&fresh);
    }
    for (major, found) in fresh {
        let declared = Catalogue::declared(major.try_into().expect("a small number")).to_text();
        let found = found.to_text();
        assert!(
            declared == found,
            "sql/audit/declared/ is not PostgreSQL {major}'s: run `make declared`\n{found}"
        );
    }
}

/// Writes the files: the oldest release's for all, and what differs from it for each of the others.
fn declare(fresh: &[(u32, Catalogue)]) {
    let (_, all) = fresh.iter().min_by_key(|(major, _)| major).expect("a release");
    std::fs::write(file("all"), all.to_text()).expect("a file to write");
    for (major, found) in fresh {
        let (differences, file) = (found.differences_from(all), file(&major.to_string()));
        if differences.is_empty() {
            let _ = std::fs::remove_file(file);
        } else {
            std::fs::write(file, differences.to_text()).expect("a file to write");
        }
    }
}

/// The facts are the same on every release, except those about the release itself.
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
            !line.contains("server      PostgreSQL")
                && !line.contains("fix: by hand: update PostgreSQL")
                // It has another parameter since 17.
                && !line.contains("pg_logical_emit_message(")
                && line.trim() != "from public;"
        };
        let lines = text.lines().skip(2).filter(of_release).filter(|line| !line.contains(" facts: "));
        all.push(lines.map(str::to_owned).collect::<Vec<_>>());
    }
    for lines in &all {
        assert_eq!(*lines, all[0]);
    }
}
