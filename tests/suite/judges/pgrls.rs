//! The program, as `.ci/judges` installs it.

use std::path::Path;

use rowkeep::database::Address;
use serde_json::Value;
use tokio::process::Command;

use crate::world::OwnCluster;

/// What it said.
#[derive(Debug)]
pub struct Report {
    /// Nothing was found that it is to fail on.
    pub passed: bool,
    /// The report, as JSON.
    pub said: Value,
}

/// Asks pgrls about every schema of the database at `url`, a superuser's.
pub async fn pgrls(url: &str, arguments: &[&str]) -> Report {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges");
    let python = home.join("bin/python");
    assert!(python.exists(), "pgrls is not installed: run `make test-all`, which installs it");

    // Where no configuration lies about that it would take by itself.
    let mut command = Command::new(python);
    command.current_dir(home).env_clear();
    command.args(["-m", "pgrls"]).args(arguments).args(["--format", "json"]);
    command.args(["--schemas", &schemas(url).await, "--database-url", url]);
    let output = command.output().await.expect("pgrls");

    // 2: it could not do what it was asked to.
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {output:?}");
    let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    Report { passed: code == Some(0), said }
}

/// What it is told of Rowkeep, as an argument.
pub const TOLD: &str = concat!("--config=", env!("CARGO_MANIFEST_DIR"), "/tests/judges/pgrls.toml");

/// It would look at `public` alone.
async fn schemas(url: &str) -> String {
    let client = Address::parse(url).expect("an address").connect().await.expect("a connection");
    let all = "select string_agg(nspname, ',') from pg_namespace
                where nspname !~ '^pg_' and nspname <> 'information_schema'";
    client.query_one(all, &[]).await.expect("schemas").get(0)
}

/// A deployment that follows the README, with nothing beside it. Other tests have roles that see everything, and pgrls
/// looks at those as well: they belong to the whole cluster.
pub struct Deployment(OwnCluster);

impl Deployment {
    pub async fn new() -> Self {
        Self::on(OwnCluster::start().await).await
    }

    /// On this release of PostgreSQL.
    pub async fn of_release(major: u32) -> Self {
        Self::on(OwnCluster::of_release(major).await).await
    }

    async fn on(cluster: OwnCluster) -> Self {
        cluster.migrate().await;
        Self(cluster)
    }

    pub fn url(&self) -> String {
        self.0.url("postgres", "postgres")
    }
}
