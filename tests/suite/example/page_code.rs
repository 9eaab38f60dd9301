//! The code of the page, without a browser.

use std::process::Command;

use crate::documents::markdown::root;
use crate::operation::program::{Directory, Program};

/// Runs a program of `examples/node_modules` in `examples/web`.
fn runs(program: &str, arguments: &[&str]) {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(root().join("examples/node_modules/.bin").join(program))
        .args(arguments)
        .current_dir(root().join("examples/web"))
        .env("PATH", format!("{}:{path}", root().join("target/node/bin").display()))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: run `make test-all`, which installs it"));
    assert!(output.status.success(), "{program}: {output:?}");
}

#[test]
#[ignore = "needs TypeScript on Node.js: `make test-all`"]
fn the_page_compiles_under_strict_rules() {
    runs("tsc", &[]);
}

#[tokio::test]
#[ignore = "needs openapi-typescript on Node.js: `make test-all`"]
async fn the_types_of_the_pages_client_are_those_of_the_openapi_document() {
    let directory = Directory::new();
    let [document, types] = ["openapi.json", "schema.d.ts"].map(|name| directory.0.join(name));
    let printed = Program::new(&["openapi"]).run().await;
    directory.write("openapi.json", &printed.out);

    runs("openapi-typescript", &[&document.display().to_string(), "-o", &types.display().to_string()]);

    let text = |path| std::fs::read_to_string(path).expect("a file");
    let same = text(types) == text(root().join("examples/web/src/schema.d.ts"));
    assert!(same, "run `npm run schema` in examples/web");
}
