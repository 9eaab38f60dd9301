//! The settings about databases: where they are, and how far the way to them is trusted.

use std::path::PathBuf;
use std::time::Duration;

use super::parse::Problems;
use super::{Settings, default};
use crate::database::{Address, Defaults, several};
use crate::secret_file;
use crate::session::Replication;

impl Settings {
    /// The addresses of requests and of migrations.
    pub(super) fn addresses(
        &self,
        problems: &mut Problems,
        development: bool,
    ) -> (Option<Address>, Option<Address>) {
        let defaults = self.address_defaults(development);
        let mut of_requests = Defaults {
            url_file: some(self.database_url_file.trim()).map(PathBuf::from),
            password_file: some(self.database_password_file.trim()).map(PathBuf::from),
            ..defaults.clone()
        };
        let of_migrations = Defaults {
            url_file: some(self.migration_database_url_file.trim()).map(PathBuf::from),
            ..defaults
        };

        let has_address = !self.database_url.trim().is_empty() || of_requests.url_file.is_some();
        if of_requests.password_file.is_some() && !has_address {
            problems.add("DATABASE_PASSWORD_FILE is set and DATABASE_URL is not: set it, too");
        }
        if let Some(Err(problem)) = of_requests.password_file.as_deref().map(secret_file::read) {
            problems.add(format!("DATABASE_PASSWORD_FILE: {problem}"));
            of_requests.password_file = None;
        }
        (
            address(problems, "DATABASE_URL", &self.database_url, &of_requests),
            address(problems, "MIGRATION_DATABASE_URL", &self.migration_database_url, &of_migrations),
        )
    }

    /// The addresses of the read replicas, and how far they may lag.
    pub(super) fn replication(&self, problems: &mut Problems, development: bool) -> Replication {
        const NAME: &str = "DATABASE_REPLICA_URL";
        let file = some(self.database_replica_url_file.trim()).map(PathBuf::from);
        let replicas = several(&self.database_replica_url).enumerate().map(|(place, text)| {
            let defaults = Defaults {
                place_in_file: file.is_some().then_some(place),
                url_file: file.clone(),
                password_file: some(self.database_password_file.trim()).map(PathBuf::from),
                ..self.address_defaults(development)
            };
            address(problems, NAME, text, &defaults)
        });
        let replicas: Vec<_> = replicas.flatten().collect();
        let max_lag = problems.number(
            "DATABASE_REPLICA_MAX_LAG_MS",
            &self.database_replica_max_lag_ms,
            default::DATABASE_REPLICA_MAX_LAG_MS,
            100..=3_600_000,
        );
        Replication { replicas, max_lag: Duration::from_millis(max_lag) }
    }

    /// The address of the database that `rowkeep adopt` copies from. TLS is as for the other addresses.
    pub(super) fn source_address(&self, problems: &mut Problems, development: bool) -> Option<Address> {
        let file = some(self.source_database_url_file.trim()).map(PathBuf::from);
        if self.source_database_url.trim().is_empty() && file.is_none() {
            problems
                .add("SOURCE_DATABASE_URL is missing; set it to postgres://user:password@host/database, the old database");
        }
        let defaults = Defaults { url_file: file, ..self.address_defaults(development) };
        address(problems, "SOURCE_DATABASE_URL", &self.source_database_url, &defaults)
    }

    fn address_defaults(&self, development: bool) -> Defaults {
        let certificates = [&self.database_ca_file, &self.pgsslrootcert].map(|text| text.trim());
        Defaults {
            prefer_tls: development,
            ssl_mode: some(self.pgsslmode.trim()),
            root_certificates: certificates.into_iter().find_map(some),
            url_file: None,
            place_in_file: None,
            password_file: None,
        }
    }
}

fn address(problems: &mut Problems, name: &str, text: &str, defaults: &Defaults) -> Option<Address> {
    let text = text.trim();
    if text.is_empty() { None } else { problems.value(name, Address::with(text, defaults).map(Some)) }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
