//! A private PostgreSQL and a secret for development: made once for each checkout, and kept.

mod cluster;
mod ownership;
mod programs;
pub mod token;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

pub(crate) use cluster::shell_quoted;
pub use cluster::{CLUSTER_START_TIMEOUT, Cluster};
pub(crate) use ownership::read_own;
pub(crate) use programs::POSTGRES_BIN_DIR;
pub use programs::Programs;

/// Why there is no development database or secret, and what to do.
#[derive(Debug)]
pub struct DevelopmentError(pub String);

impl std::fmt::Display for DevelopmentError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for DevelopmentError {}

impl DevelopmentError {
    fn at(path: &Path, error: io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

/// The checkout that the program was started in: the nearest directory above with `.git`, else the working directory.
///
/// # Errors
/// The working directory was deleted.
pub fn checkout() -> io::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|directory| directory.join(".git").exists());
    Ok(root.unwrap_or(&here).to_owned())
}

/// The directory that keeps this checkout's database and secret, made if it is missing.
///
/// It is not in the checkout, because the user that PostgreSQL runs as may not be able to enter that. `git clean` would also
/// delete the database.
fn checkout_home() -> Result<PathBuf, DevelopmentError> {
    let checkout = checkout().map_err(|error| DevelopmentError::at(Path::new("."), error))?;
    let name: String = checkout
        .file_name()
        .map(|name| name.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).take(20).collect())
        .unwrap_or_default();
    let data = data_directory()?;
    let home = data.join(format!("{name}-{}", path_hash(&checkout, 6)));
    // The user that PostgreSQL runs as must pass through both. Only their owner can list them.
    let make = |directory: &Path| {
        fs::DirBuilder::new().recursive(true).mode(0o711).create(directory)?;
        if fs::metadata(directory)?.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other(
                "belongs to another user, who could replace the database and the secret",
            ));
        }
        // Whatever the umask of this process is.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o711))
    };
    for directory in [&data, &home] {
        make(directory).map_err(|error| DevelopmentError::at(directory, error))?;
    }
    Ok(home)
}

/// The first `bytes` of the SHA-256 of a path, in hexadecimal.
fn path_hash(path: &Path, bytes: usize) -> String {
    let hash = digest(&SHA256, path.as_os_str().as_encoded_bytes());
    hash.as_ref().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

fn data_directory() -> Result<PathBuf, DevelopmentError> {
    if programs::is_root() {
        // PostgreSQL does not run as root, and its user cannot enter root's home.
        return Ok("/var/lib/rowkeep".into());
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    variable("XDG_DATA_HOME")
        .or_else(|| Some(variable("HOME")?.join(".local/share")))
        .map(|data| data.join("rowkeep"))
        .ok_or_else(|| {
            DevelopmentError(
                "HOME is not set, so the development database has no directory; set HOME or DATABASE_URL"
                    .into(),
            )
        })
}

/// The secret of this checkout, made by the first call.
///
/// # Errors
/// Its file cannot be read or written.
pub fn secret() -> Result<String, DevelopmentError> {
    let path = checkout_home()?.join("secret");
    let read_or_make = || -> io::Result<String> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        // If two programs start at once, one of them makes the secret and the other reads it.
        file.lock()?;
        let mut secret = String::new();
        file.read_to_string(&mut secret)?;
        if secret.is_empty() {
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes)
                .map_err(|_| io::Error::other("the system has no random bytes"))?;
            secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(secret.as_bytes())?;
        }
        Ok(secret)
    };
    read_or_make().map_err(|error| DevelopmentError::at(&path, error))
}
