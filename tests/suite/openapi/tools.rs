//! The tools that people use with an OpenAPI document accept it: a linter, a generator of TypeScript clients, and
//! schemathesis, which sends what the document allows and what it does not. `tests/openapi` has their configuration.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::documents::markdown::Page;
use crate::world::{World, token};

/// Envelopes for the lists of all contracts.
const ENVELOPES: (&str, &str) =
    ("LIST_ENVELOPE", "v1_tasks=items,total,limit,offset; tasks=tasks,count; user_tasks=tasks,total");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Runs an installed program in `tests/openapi`.
async fn run(program: &Path, arguments: &[&str]) -> Output {
    assert!(program.exists(), "{} is not installed: run `make test-all`", program.display());
    // Where `.ci/node` installs Node.js, if the system has none that is new enough.
    let path = format!("{}/target/node/bin:{}", root().display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root().join("tests/openapi")).env("PATH", path);
    command.envs([
        ("REDOCLY_TELEMETRY", "off"),
        ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true"),
        ("NO_COLOR", "1"),
    ]);
    let output = timeout(Duration::from_secs(600), command.kill_on_drop(true).output()).await;
    output.expect("ten minutes are enough").expect("a program")
}

/// Runs a program of `tests/openapi/node_modules`.
async fn npm_program(name: &str, arguments: &[&str]) -> Output {
    run(&root().join("tests/openapi/node_modules/.bin").join(name), arguments).await
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The rules that the linter finds broken, of any severity.
async fn broken_rules(document: &str, arguments: &[&str]) -> Vec<String> {
    let all = [&["lint", document, "--format=json"], arguments].concat();
    let output = npm_program("redocly", &all).await;
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", printed(&output)));
    let problems = report["problems"].as_array().expect("problems");
    problems.iter().map(|problem| problem["ruleId"].as_str().expect("a rule").to_owned()).collect()
}

#[tokio::test]
#[ignore = "needs a linter on Node.js: `make test-all`"]
async fn the_linter_finds_nothing() {
    for settings in [&[][..], &[ENVELOPES]] {
        let world = World::with(settings).await;
        let document = format!("http://{}/openapi.json", world.server.address);

        assert_eq!(broken_rules(&document, &["--config=redocly.yaml"]).await, [""; 0]);
    }
}

/// An exemption that is no longer needed must be removed, because it would hide new findings.
#[tokio::test]
#[ignore = "needs a linter on Node.js: `make test-all`"]
async fn every_exemption_of_the_linter_is_needed() {
    let world = World::new().await;
    let document = format!("http://{}/openapi.json", world.server.address);
    let config = include_str!("../../openapi/redocly.yaml");
    let (without_exemptions, exemptions) = config.split_once("rules:").expect("rules");
    let file = std::env::temp_dir().join(format!("rowkeep-redocly-{}.yaml", std::process::id()));
    std::fs::write(&file, without_exemptions).expect("a file");

    let broken = broken_rules(&document, &[&format!("--config={}", file.display())]).await;

    std::fs::remove_file(&file).expect("no more file");
    let exempted = exemptions.lines().filter_map(|line| line.trim().strip_suffix(": off"));
    assert_eq!(broken, exempted.collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs TypeScript on Node.js: `make test-all`"]
async fn a_typescript_client_made_from_the_document_compiles_and_uses_each_operation() {
    let world = World::new().await;
    let server = format!("http://{}", world.server.address);

    // The commands and the program of the page, which client.ts is compiled with.
    let blocks = Page::read("docs/api.md").blocks();
    let block = |language: &str, part: &str| {
        let found = blocks.iter().find(|block| block.language == language && block.text.contains(part));
        found.unwrap_or_else(|| panic!("no {part} in docs/api.md")).text.clone()
    };
    let program = env!("CARGO_BIN_EXE_rowkeep");
    let script = format!(
        "set -eu; mkdir -p built; cd built; PATH=../node_modules/.bin:$PATH\n\
         cargo() {{ {program} openapi; }}; npx() {{ \"$@\"; }}\n{}",
        block("sh", "npx openapi-typescript")
    );
    let made = run(Path::new("/bin/sh"), &["-c", &script]).await;
    assert!(made.status.success(), "{}", printed(&made));
    let snippet = format!("declare const token: string;\n{}", block("ts", "createClient"));
    std::fs::write(root().join("tests/openapi/built/page.ts"), snippet).expect("a file");
    let compiled = npm_program("tsc", &["-p", "."]).await;
    assert!(compiled.status.success(), "{}", printed(&compiled));
    let node = which("node");
    let used = run(&node, &["built/client.js", &server, &token("alice"), "alice"]).await;

    assert!(used.status.success(), "{}", printed(&used));
    let client = include_str!("../../openapi/client.ts");
    for operation in super::description::Description::of(&world.anonymous()).await.operations() {
        let call = format!(".{}(\"{}\"", operation.method, operation.path);
        assert!(client.contains(&call), "client.ts does not use {call}");
    }
}

#[tokio::test]
#[ignore = "needs schemathesis on Python: `make test-all`"]
async fn schemathesis_finds_nothing() {
    let world = World::new().await;
    let document = format!("http://{}/openapi.json", world.server.address);
    let authorization = format!("Authorization: Bearer {}", token("alice"));

    let output = run(
        &root().join("target/schemathesis/bin/schemathesis"),
        &[
            "--config-file=schemathesis.toml",
            "run",
            &document,
            "--header",
            &authorization,
            "--checks=all",
            "--phases=examples,coverage,fuzzing,stateful",
            "--continue-on-failure",
            "--max-examples=20",
            // Two would delete each other's tasks.
            "--workers=1",
            "--no-color",
        ],
    )
    .await;

    assert!(output.status.success(), "{}", printed(&output));
}

/// The file of a program in PATH, or in the folder where `.ci/node` installs it.
fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(root().join("target/node/bin")).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find(|file| file.exists()).unwrap_or_else(|| name.into())
}
