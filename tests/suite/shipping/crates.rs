//! The crates that the program is made of are known: each has its reason, and the page about releases counts them.

use std::collections::BTreeSet;
use std::process::Command;

use crate::documents::markdown::{Page, root};

/// The crates of the program and of its build, each with its release.
pub fn crates() -> BTreeSet<(String, String)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--locked", "--edges=normal,build", "--features=jemalloc", "--prefix=none"])
        .args(["--target=x86_64-unknown-linux-gnu", "--format={p}"])
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let words = text.lines().filter_map(|line| line.split_once(" v"));
    let word = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    words.map(|(name, rest)| (name.to_owned(), word(rest))).filter(|(name, _)| name != "rowkeep").collect()
}

#[test]
fn each_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let (mut section, mut reason, mut found) = ("", false, 0);
    let mut without = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            (section, reason) = (line, false);
        } else if line.is_empty() {
            reason = false;
        } else if line.starts_with('#') {
            reason = true;
        } else if section.ends_with("dependencies]") && line.contains('=') {
            found += 1;
            // Lines that follow one another share the comment above them.
            if !reason {
                without.push(line);
            }
        }
    }

    assert!(found > 30, "only {found} dependencies: Cargo.toml is not parsed correctly");
    assert_eq!(without, [""; 0]);
}

#[test]
fn the_page_about_releases_counts_the_crates() {
    let crates = crates();
    let text = Page::read("docs/releases.md").text;

    let wanted = format!("made of {} crates", crates.len());

    assert!(crates.len() > 100, "cargo tree is not parsed correctly");
    assert!(text.contains(&wanted), "docs/releases.md does not say that the program is {wanted}");
}
