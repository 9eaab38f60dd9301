//! The fuzz targets: what must hold for any bytes from a client, an issuer, an operator or a server that claims to be Postgres.
//!
//! Only the tests and the fuzzer compile this module. Each target stands beside the parser that it tests, in a file `fuzz.rs`,
//! so that it reaches what is private. The tests replay the files of `fuzz/seeds/`, and the fuzzer in `fuzz/` finds new ones.
//! docs/fuzzing.md says how to add a target.

/// The reader of addresses that the target `database_url` trusts. The fuzzer compares it with libpq.
pub use crate::database::fuzz::conninfo;

/// Tries one input. Panics if something does not hold. Returns whether the parser accepted the input.
pub type Target = fn(&[u8]) -> bool;

/// Lists the targets, and makes the test of each: it replays the inputs that are kept.
macro_rules! targets {
    ($($name:ident: $target:path,)*) => {
        /// Every target with its name, which is also the name of its directory in `fuzz/seeds/`.
        pub const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $target)),*];

        #[cfg(test)]
        mod every_kept_input_holds {
            $(#[test] fn $name() { super::tests::replay(stringify!($name), $target); })*
        }
    };
}

targets! {
    token: crate::auth::fuzz::token,
    key_set: crate::auth::fuzz::key_set,
    max_age: crate::auth::fuzz::max_age,
    cursor: crate::cursor::fuzz::cursor,
    database_url: crate::database::fuzz::database_url,
    request: crate::http::fuzz::request,
    json_body: crate::http::fuzz::json_body,
    path_segment: crate::http::fuzz::path_segment,
    page_request: crate::http::fuzz::page_request,
    accept_encoding: crate::http::fuzz::accept_encoding,
    forwarded: crate::http::fuzz::forwarded,
    pipeline: crate::session::fuzz::pipeline,
    driver: crate::session::fuzz::driver,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{TARGETS, Target};

    /// How many shorter inputs are made of each one that is kept.
    const CUTS: usize = 32;

    fn seeds() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds")
    }

    /// Tries every input that is kept, whole and cut short.
    pub(super) fn replay(name: &str, target: Target) {
        let (mut accepted, mut refused) = (0, 0);
        for entry in fs::read_dir(seeds().join(name)).expect("a directory of inputs") {
            let path = entry.expect("an entry").path();
            let input = fs::read(&path).expect("an input");
            // A test that fails prints this, so that its last line is the input that failed.
            eprintln!("{}", path.display());
            if target(&input) {
                accepted += 1
            } else {
                refused += 1
            }
            for cut in (0..input.len()).step_by(input.len().div_ceil(CUTS).max(1)) {
                eprintln!("  its first {cut} bytes");
                target(input.get(..cut).unwrap_or_default());
            }
        }
        assert!(accepted > 0 && refused > 0, "{accepted} inputs are accepted and {refused} are refused");
    }

    #[test]
    fn every_target_has_inputs_that_are_kept_and_no_others_are() {
        let kept: BTreeSet<_> = fs::read_dir(seeds())
            .expect("the directory of all inputs")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();

        assert_eq!(kept, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
}
