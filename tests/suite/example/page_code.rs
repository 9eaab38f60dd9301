//! The code of the page, without a browser.

use std::process::Command;

use crate::documents::markdown::root;

/// Runs a program of `examples/node_modules` in `examples/web`.
fn runs(program: &str, arguments: &[&str]) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(root().join("examples/node_modules/.bin").join(program))
        .args(arguments)
        .current_dir(root().join("examples/web"))
        .env("PATH", format!("{}:{path}", root().join("target/node/bin").display()))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: run `make test-all`, which installs it"));
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {out}{}", String::from_utf8_lossy(&output.stderr));
    out
}

#[test]
#[ignore = "needs TypeScript on Node.js: `make test-all`"]
fn the_page_compiles_under_strict_rules() {
    runs("tsc", &[]);
}
