//! What the repository declares (`sql/audit/declared/`) is what a freshly migrated database has, release by release.
//!
//! After a new migration or a change of the policies: `make declared` writes it anew, and the diff says what changes.

use std::path::PathBuf;

use rowkeep::audit::Catalogue;

use crate::world::Database;

fn file(major: i32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("sql/audit/declared/{major}.txt"))
}

#[tokio::test]
async fn what_is_declared_is_what_a_fresh_database_has() {
    let database = Database::new().await;
    let mut client = database.superuser().await;
    let version = client.query_one("show server_version_num", &[]).await.expect("a version");
    let major = version.get::<_, &str>(0).parse::<i32>().expect("a number") / 10_000;

    let found = Catalogue::of_database(&mut client).await.expect("a catalogue").to_text();

    if std::env::var_os("ROWKEEP_DECLARE").is_some() {
        std::fs::write(file(major), &found).expect("a file to write");
    }
    let declared = std::fs::read_to_string(file(major)).unwrap_or_default();
    assert!(
        declared == found,
        "sql/audit/declared/{major}.txt is not what is live: run `make declared`\n{found}"
    );
}
