//! Settings that are read from files: secrets and addresses with passwords.

use std::path::Path;

use super::parse::Problems;
use super::trace_settings::TraceSettings;
use super::{Command, Settings};
use crate::secret_file;

impl Settings {
    /// The settings without the addresses, files and keys that a command does not use. Where the command runs they can be
    /// wrong, or somebody else's.
    pub(super) fn used_by(&self, command: &Command) -> Self {
        let is_set = |text: &str| !text.trim().is_empty();
        let names_migrating_login =
            is_set(&self.migration_database_url) || is_set(&self.migration_database_url_file);
        let (serving_login, migrating_login, keys) = match command {
            Command::Serve => (true, true, true),
            Command::Migrate { .. } | Command::Adopt { .. } => (!names_migrating_login, true, false),
            Command::Audit { .. } => (true, false, false),
            Command::Token { .. } => (false, false, true),
            Command::Openapi | Command::Healthcheck => (false, false, false),
        };

        let mut used = self.clone();
        let keep = |is_used: bool, texts: &mut [&mut String]| {
            if !is_used {
                texts.iter_mut().for_each(|text| text.clear());
            }
        };
        keep(
            serving_login,
            &mut [&mut used.database_url, &mut used.database_url_file, &mut used.database_password_file],
        );
        keep(
            matches!(command, Command::Serve | Command::Openapi),
            &mut [
                &mut used.database_replica_url,
                &mut used.database_replica_url_file,
                &mut used.database_replica_max_lag_ms,
            ],
        );
        keep(migrating_login, &mut [&mut used.migration_database_url, &mut used.migration_database_url_file]);
        keep(
            matches!(command, Command::Adopt { .. }),
            &mut [&mut used.source_database_url, &mut used.source_database_url_file],
        );
        keep(
            keys,
            &mut [
                &mut used.better_auth_secret,
                &mut used.better_auth_secret_file,
                &mut used.better_auth_secret_previous,
                &mut used.better_auth_secret_previous_file,
                &mut used.better_auth_url,
                &mut used.jwks_url,
                &mut used.jwks_file,
                &mut used.jwt_issuer,
                &mut used.jwt_audience,
                &mut used.jwt_not_before,
                &mut used.jwt_issuers_share_users,
                &mut used.jwks_allow_http,
            ],
        );
        if *command != Command::Serve {
            used.traces = TraceSettings::default();
        }
        used
    }

    /// The same settings, with the texts of the files that `*_FILE` settings name.
    pub(super) fn with_files(&self, problems: &mut Problems) -> Self {
        let mut read = self.clone();
        for (name, path, text) in [
            ("DATABASE_URL", &self.database_url_file, &mut read.database_url),
            ("DATABASE_REPLICA_URL", &self.database_replica_url_file, &mut read.database_replica_url),
            ("MIGRATION_DATABASE_URL", &self.migration_database_url_file, &mut read.migration_database_url),
            ("SOURCE_DATABASE_URL", &self.source_database_url_file, &mut read.source_database_url),
            ("BETTER_AUTH_SECRET", &self.better_auth_secret_file, &mut read.better_auth_secret),
            (
                "BETTER_AUTH_SECRET_PREVIOUS",
                &self.better_auth_secret_previous_file,
                &mut read.better_auth_secret_previous,
            ),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                &self.traces.otel_exporter_otlp_headers_file,
                &mut read.traces.otel_exporter_otlp_headers,
            ),
        ] {
            let path = path.trim();
            if path.is_empty() {
                continue;
            }
            if !text.trim().is_empty() {
                problems.add(format!("{name} and {name}_FILE are both set: remove one of them"));
                continue;
            }
            *text = problems.value(&format!("{name}_FILE"), secret_file::read(Path::new(path)));
        }
        read
    }
}
