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

/// Whether the digest is that of an older release's policies. The policies of a release that this one does not know are
/// newer.
pub(super) fn is_older(digest: &str) -> bool {
    known().any(|known| known == digest) && digest != self::digest()
}

/// The digests of `policies/digests`, oldest first.
fn known() -> impl Iterator<Item = &'static str> {
    let text = POLICIES.get_file("digests").and_then(|file| file.contents_utf8()).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_digests_ends_with_that_of_the_folder() {
        let known: Vec<_> = known().collect();

        assert_eq!(known.last().copied(), Some(digest().as_str()), "add the right side to policies/digests");
        assert_eq!(
            known.len(),
            known.iter().collect::<std::collections::BTreeSet<_>>().len(),
            "a digest is there twice"
        );
        assert!(
            known.first().is_some_and(|first| is_older(first))
                && !is_older(&digest())
                && !is_older("of a release to come")
        );
    }
}
