//! The SBOM of a release names what the program is made of.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use super::crates::crates;
use crate::documents::markdown::root;
use crate::operation::program::Directory;

/// The text of one SBOM. Each takes ten seconds of processor time.
static SBOM: LazyLock<String> = LazyLock::new(sbom);

/// The text of the SBOM, as `deploy/sbom` writes it.
fn sbom() -> String {
    let directory = Directory::named("sbom");
    let file = directory.0.join("rowkeep.cdx.json");
    let output = Command::new(root().join("deploy/sbom")).arg(&file).output().expect("deploy/sbom");
    assert!(output.status.success(), "{output:?}");
    std::fs::read_to_string(file).expect("an SBOM")
}

fn components(sbom: &str) -> Vec<Value> {
    let sbom: Value = serde_json::from_str(sbom).expect("JSON");
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert_eq!(sbom["metadata"]["component"]["name"], "rowkeep");
    sbom["components"].as_array().expect("components").clone()
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn the_sbom_names_each_crate_of_the_program_and_no_other() {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();

    let named: BTreeSet<_> = components(&SBOM)
        .iter()
        .map(|component| (text(&component["name"]), text(&component["version"])))
        .collect();

    assert_eq!(named, crates());
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn each_component_of_the_sbom_has_a_licence_and_a_checksum() {
    for component in components(&SBOM) {
        let name = &component["name"];
        assert!(component["licenses"][0]["expression"].is_string(), "{name} has no licence");
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{name}");
        assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64), "{name}");
    }
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn the_sbom_says_which_crate_uses_which() {
    let sbom: Value = serde_json::from_str(&SBOM).expect("JSON");
    let uses = |name: &str| {
        let starts = |value: &Value| {
            value.as_str().is_some_and(|text| text.starts_with(&format!("pkg:cargo/{name}@")))
        };
        let all = sbom["dependencies"].as_array().expect("dependencies");
        let found = all.iter().find(|entry| starts(&entry["ref"])).unwrap_or_else(|| panic!("no {name}"));
        found["dependsOn"].as_array().cloned().unwrap_or_default()
    };
    let names = |uses: &[Value], name: &str| {
        uses.iter().any(|value| value.as_str().is_some_and(|text| text.contains(name)))
    };

    assert!(names(&uses("rowkeep"), "/warp@"));
    assert!(names(&uses("warp"), "/headers@"));
    assert!(!names(&uses("rowkeep"), "/headers-core@"));
}

#[test]
#[ignore = "needs the library of CycloneDX: .ci/sbom"]
fn the_sbom_is_the_same_each_time_and_names_no_path_of_this_machine() {
    let again = sbom();

    assert_eq!(again, *SBOM);
    assert!(!again.contains(&root().display().to_string()));
}
