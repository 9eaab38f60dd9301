//! Settings that are read from files: secrets and addresses with passwords.

use std::path::Path;

use super::Settings;
use super::parse::Problems;
use crate::secret_file;

impl Settings {
    /// The same settings, with the texts of the files that `*_FILE` settings name.
    pub(super) fn with_files(&self, problems: &mut Problems) -> Self {
        let mut read = self.clone();
        for (name, path, text) in [
            ("DATABASE_URL", &self.database_url_file, &mut read.database_url),
            ("MIGRATION_DATABASE_URL", &self.migration_database_url_file, &mut read.migration_database_url),
            ("BETTER_AUTH_SECRET", &self.better_auth_secret_file, &mut read.better_auth_secret),
            (
                "BETTER_AUTH_SECRET_PREVIOUS",
                &self.better_auth_secret_previous_file,
                &mut read.better_auth_secret_previous,
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
