//! The folder `policies/`, as it was when this release was built.

use aws_lc_rs::digest::{SHA256, digest as sha};
use include_dir::{Dir, include_dir};

static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/policies");

/// The files in the order of their names, which is that of `cat policies/*.sql`.
pub(super) fn files() -> Vec<(String, &'static str)> {
    let mut files: Vec<_> = POLICIES
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "sql"))
        .map(|file| {
            let text = file.contents_utf8().expect("a policy file is UTF-8: it is SQL");
            (file.path().display().to_string(), text)
        })
        .collect();
    files.sort();
    files
}

/// The SHA-256 of every file's name and text, in hexadecimal.
pub(super) fn digest() -> String {
    let mut all = Vec::new();
    for (name, text) in files() {
        for part in [name.as_bytes(), text.as_bytes()] {
            all.extend((part.len() as u64).to_be_bytes());
            all.extend(part);
        }
    }
    sha(&SHA256, &all).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
