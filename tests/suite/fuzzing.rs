//! The fuzzer in `fuzz/`, which is a package of its own.

use std::collections::BTreeSet;
use std::path::Path;

/// The packages of a lock file, as `name version`.
fn packages(lock_file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(lock_file);
    let text = std::fs::read_to_string(path).expect("a lock file");
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let packages = text.split("[[package]]").skip(1);
    packages
        .filter_map(|package| Some(format!("{} {}", field(package, "name")?, field(package, "version")?)))
        .collect()
}

#[test]
fn the_fuzzer_tries_the_releases_of_dependencies_that_the_program_has() {
    const OF_THE_FUZZER: [&str; 5] =
        ["rowkeep-fuzz", "libfuzzer-sys", "libloading", "arbitrary", "jobserver"];

    let of_the_program = packages("Cargo.lock");
    let others: Vec<_> = packages("fuzz/Cargo.lock").difference(&of_the_program).cloned().collect();

    let strange = others.iter().filter(|package| {
        let name = package.split(' ').next().unwrap_or_default();
        !OF_THE_FUZZER.contains(&name)
    });
    assert_eq!(
        strange.collect::<Vec<_>>(),
        [""; 0],
        "run: cp Cargo.lock fuzz/Cargo.lock && cargo update --manifest-path fuzz/Cargo.toml --workspace"
    );
}
