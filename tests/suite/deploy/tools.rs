//! Runs the tools that check the files, as `.ci/deploy` installs them.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::documents::markdown::root;

/// Prints the documents of a YAML file as JSON, a list.
const YAML_TO_JSON: &str =
    "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";

/// Runs a program of the Python environment, in the checkout.
pub async fn tool(name: &str, arguments: &[&str]) -> Output {
    let program: PathBuf = root().join("target/deploy/bin").join(name);
    assert!(program.exists(), "{name} is not installed: run `.ci/deploy`");
    Command::new(program).args(arguments).current_dir(root()).output().await.expect("a program")
}

/// Runs it, and asserts that it has nothing to say against the file.
pub async fn passes(name: &str, arguments: &[&str]) {
    let output = tool(name, arguments).await;

    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}:\n{text}");
}

/// The documents of a YAML file of the checkout.
pub async fn yaml(path: &str) -> Vec<Value> {
    let output = tool("python", &["-c", YAML_TO_JSON, path]).await;
    assert!(output.status.success(), "{path}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The text of a file of the checkout.
pub fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
