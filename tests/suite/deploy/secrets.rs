//! `deploy/compose/make-secrets` makes the passwords of docker-compose.yml. It gives them to the user of the image, so that these
//! tests need root, and do nothing without.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::documents::markdown::root;
use crate::operation::checkout::is_root;
use crate::operation::program::Directory;

/// The volumes of the secrets.
pub struct Secrets(pub Directory);

impl Secrets {
    pub fn new() -> Self {
        let directory = Directory::named("secrets");
        for name in ["superuser", "api"] {
            std::fs::create_dir(directory.0.join(name)).expect("a directory");
        }
        Self(directory)
    }

    pub fn make(&self, variables: &[(&str, &str)]) -> std::process::Output {
        let mut script = Command::new(root().join("deploy/compose/make-secrets"));
        script.env("SECRETS", &self.0.0).envs(variables.iter().copied());
        script.output().expect("the script")
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn files(&self) -> Vec<String> {
        FILES.iter().map(|name| self.file(name)).collect()
    }
}

const FILES: [&str; 4] =
    ["superuser/password", "superuser/pgpass", "api/login-password", "api/better-auth-secret"];

#[test]
fn secrets_are_random_made_once_and_for_the_user_of_the_image_alone() {
    if !is_root() {
        return;
    }
    let (one, other) = (Secrets::new(), Secrets::new());
    for secrets in [&one, &other] {
        assert!(secrets.make(&[]).status.success());
    }
    let first = one.files();

    let again = one.make(&[]);

    assert!(again.status.success() && again.stdout.is_empty(), "{again:?}");
    assert_eq!(one.files(), first);
    let distinct: BTreeSet<_> = first.iter().chain(&other.files()).cloned().collect();
    assert_eq!(distinct.len(), 8, "{distinct:?}");
    for name in FILES {
        let metadata = std::fs::metadata(one.0.0.join(name)).expect("a file");
        assert_eq!((metadata.uid(), metadata.permissions().mode() & 0o7777), (65_532, 0o400), "{name}");
        assert!(one.file(name).len() >= 64, "{name}");
    }
    assert_eq!(one.file("superuser/pgpass"), format!("*:*:*:postgres:{}", one.file("superuser/password")));
}

#[test]
fn a_secret_of_the_sign_in_replaces_the_random_one_and_stays() {
    if !is_root() {
        return;
    }
    let secrets = Secrets::new();
    assert!(secrets.make(&[]).status.success());
    let before = secrets.files();

    assert!(secrets.make(&[("BETTER_AUTH_SECRET", "that of the sign-in")]).status.success());
    assert!(secrets.make(&[]).status.success());

    let after = secrets.files();
    assert_eq!(after[..3], before[..3]);
    assert_eq!(after[3], "that of the sign-in");
}

#[test]
fn another_password_than_that_of_the_database_is_refused() {
    if !is_root() {
        return;
    }
    let secrets = Secrets::new();
    assert!(secrets.make(&[("POSTGRES_PASSWORD", "rowkeep")]).status.success());
    assert_eq!(secrets.file("superuser/password"), "rowkeep");

    assert!(secrets.make(&[("POSTGRES_PASSWORD", "rowkeep")]).status.success());
    let other = secrets.make(&[("POSTGRES_PASSWORD", "other")]);

    assert!(!other.status.success());
    assert!(String::from_utf8_lossy(&other.stderr).contains("another password than POSTGRES_PASSWORD"));
    assert_eq!(secrets.file("superuser/password"), "rowkeep");
}
