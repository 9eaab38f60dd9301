//! Runs one fuzz target of `rowkeep` with libFuzzer: the one that the variable `FUZZ_TARGET` names.
//!
//! All targets are one program, because it takes minutes to compile and to link.

#![no_main]

mod libpq;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rowkeep::fuzzing::{TARGETS, Target};

static TARGET: LazyLock<(&str, Target)> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    *found.unwrap_or_else(|| {
        eprintln!("FUZZ_TARGET must be one of {}", names());
        std::process::exit(2)
    })
});

fuzz_target!(init: LazyLock::force(&TARGET), |input: &[u8]| {
    let (name, target) = *TARGET;
    target(input);
    if name == "database_url" {
        libpq::compare(input);
    }
});
