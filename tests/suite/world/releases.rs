//! The releases of PostgreSQL that tests can start: the one of this machine, and those that `make test-all` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use rowkeep::development::Programs;

/// The oldest and the newest release that Rowkeep supports.
const SUPPORTED: std::ops::RangeInclusive<u32> = 15..=18;

/// The releases that `.ci/releases` installs; none where it has no programs for this kind of machine.
pub const PACKAGED: &[u32] = if cfg!(all(
    any(all(target_os = "linux", target_env = "gnu"), target_os = "macos"),
    any(target_arch = "x86_64", target_arch = "aarch64")
)) {
    &[16, 17, 18]
} else {
    &[]
};

/// The releases of which a test can start a cluster, oldest first.
///
/// Panics when one is missing that `.ci/releases` installs: a loop over fewer releases would pass without a test.
pub fn releases() -> Vec<u32> {
    let own = Programs::find(None).expect("PostgreSQL's programs").major;
    let mut releases: Vec<_> =
        SUPPORTED.filter(|&major| Programs::find(Some(major)).is_ok() || packaged(major).is_some()).collect();
    if !releases.contains(&own) {
        releases.push(own);
    }
    let missing: Vec<_> = PACKAGED.iter().filter(|major| !releases.contains(major)).collect();
    assert!(
        missing.is_empty(),
        "PostgreSQL {missing:?} is not installed: run `make test-all`, which installs it"
    );
    releases
}

/// The programs of a release, in a directory where the system user that PostgreSQL runs as can run them.
pub fn programs_of_release(major: u32, home: &Path) -> Programs {
    if let Ok(programs) = Programs::find(Some(major)) {
        return programs;
    }
    let packaged = packaged(major).unwrap_or_else(|| {
        panic!("PostgreSQL {major} is not installed: run `make test-all`, which installs it")
    });

    // That user often cannot enter the checkout, for instance below /root.
    let copied = home.join("programs");
    let copy = r#"cp -RP "$0" "$1" && chmod -R a+rX "$1""#;
    let output = Command::new("sh").args(["-c", copy]).args([&packaged, &copied]).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    Programs::at(&copied.join("bin")).expect("programs that run after they were copied")
}

/// The directory with the programs and libraries of a release.
fn packaged(major: u32) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/node_modules");
    let packages = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let prefix = format!("postgres-{major}-");
    packages
        .filter(|package| package.file_name().to_string_lossy().starts_with(&prefix))
        .map(|package| package.path().join("native"))
        .find(|native| native.join("bin/postgres").is_file())
}
