//! What a checkout with nothing configured runs on: a private PostgreSQL, and a secret, both made once and kept.

mod cluster;
mod programs;
pub mod token;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

pub use cluster::Cluster;
pub use programs::Programs;

/// What is wrong with the development database, and the ways out.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Unavailable {
    fn at(path: &Path, error: io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

/// The checkout that the program was started in: the nearest directory with `.git`, else the working directory.
///
/// # Errors
/// When there is no working directory any more.
pub fn checkout() -> io::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|directory| directory.join(".git").exists());
    Ok(root.unwrap_or(&here).to_owned())
}

/// The directory where this checkout's database and secret are kept: outside the checkout, which the user that
/// PostgreSQL runs as may not be able to enter, and where `git clean` would take it.
///
/// # Errors
/// When there is no home to keep anything in, or it cannot be written.
pub fn home_of_checkout() -> Result<PathBuf, Unavailable> {
    let checkout = checkout().map_err(|error| Unavailable::at(Path::new("."), error))?;
    let name: String = checkout
        .file_name()
        .map(|name| name.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).take(20).collect())
        .unwrap_or_default();
    let hash = digest(&SHA256, checkout.as_os_str().as_encoded_bytes());
    let hash: String = hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();

    let home = data_directory()?.join(format!("{name}-{hash}"));
    // Others may pass through (PostgreSQL's user does), and look at nothing.
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(&home);
    made.map_err(|error| Unavailable::at(&home, error))?;
    Ok(home)
}

fn data_directory() -> Result<PathBuf, Unavailable> {
    if programs::is_root() {
        // A root user's home is closed to the user that PostgreSQL runs as.
        return Ok("/var/lib/rowkeep".into());
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    variable("XDG_DATA_HOME")
        .or_else(|| Some(variable("HOME")?.join(".local/share")))
        .map(|data| data.join("rowkeep"))
        .ok_or_else(|| {
            Unavailable(
                "HOME is not set: there is no place for a development database; set DATABASE_URL".into(),
            )
        })
}

/// The secret of this checkout, made when it is asked for the first time.
///
/// # Errors
/// When it cannot be read or kept.
pub fn secret() -> Result<String, Unavailable> {
    let path = home_of_checkout()?.join("secret");
    let keep = || -> io::Result<String> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        // Of two that start at once, one makes it and the other reads it.
        file.lock()?;
        let mut secret = String::new();
        file.read_to_string(&mut secret)?;
        if secret.is_empty() {
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
            secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(secret.as_bytes())?;
        }
        Ok(secret)
    };
    keep().map_err(|error| Unavailable::at(&path, error))
}
