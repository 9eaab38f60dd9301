//! The workflows of GitHub are valid, run with the least rights, and run files that exist.

use std::path::PathBuf;

use crate::deploy::tools::tool;
use crate::documents::markdown::root;
use crate::operation::program::Directory;

fn workflows() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join(".github/workflows")).expect("workflows").flatten();
    let files: Vec<_> = files.map(|entry| entry.path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    files
}

/// Runs a tool on these files. Returns whether it found nothing, and what it printed.
async fn passes(program: &str, arguments: &[&str], files: &[PathBuf]) -> (bool, String) {
    let files = files.iter().map(|file| file.to_str().expect("text"));
    let arguments: Vec<_> = arguments.iter().copied().chain(files).collect();
    let output = tool(program, &arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

const SCHEMA: [&str; 2] = ["--builtin-schema", "vendor.github-workflows"];
const ZIZMOR: [&str; 5] =
    ["--offline", "--no-config", "--persona=pedantic", "--no-progress", "--color=never"];

#[tokio::test]
#[ignore = "needs check-jsonschema and zizmor: `make test-all`"]
async fn the_workflows_are_valid_and_safe() {
    for (program, arguments) in [("check-jsonschema", SCHEMA.as_slice()), ("zizmor", &ZIZMOR)] {
        let (passed, text) = passes(program, arguments, &workflows()).await;

        assert!(passed, "{text}");
    }
}

#[tokio::test]
#[ignore = "needs check-jsonschema and zizmor: `make test-all`"]
async fn mistakes_in_workflows_are_found() {
    let release = std::fs::read_to_string(root().join(".github/workflows/release.yml")).expect("a workflow");
    for (from, to, program, arguments) in [
        ("timeout-minutes: 90", "timeout: 90", "check-jsonschema", SCHEMA.as_slice()),
        ("@1af3b93b6815bc44a9784bd300feb67ff0d1eeb3 # v6.0.0", "@v6", "zizmor", &ZIZMOR),
        ("persist-credentials: false", "fetch-depth: 1", "zizmor", &ZIZMOR),
        ("permissions: {}", "permissions: write-all", "zizmor", &ZIZMOR),
        ("\"$GITHUB_REF_NAME\" =", "\"${{ github.ref_name }}\" =", "zizmor", &ZIZMOR),
    ] {
        let changed = release.replace(from, to);
        assert_ne!(changed, release, "{from} is not there");
        let directory = Directory::named("workflows");
        let folder = directory.0.join(".github/workflows");
        std::fs::create_dir_all(&folder).expect("a directory");
        std::fs::write(folder.join("release.yml"), changed).expect("a file");

        let (passed, text) = passes(program, arguments, &[folder.join("release.yml")]).await;

        assert!(!passed, "{to}: {text}");
    }
}

#[test]
fn workflows_run_files_that_exist_and_that_may_be_run() {
    let mut found = 0;
    for file in workflows() {
        let text = std::fs::read_to_string(&file).expect("a workflow");
        let words =
            text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '/' | ':')).collect::<Vec<_>>();
        for pair in words.windows(2).filter(|pair| matches!(pair[0], ".ci" | "deploy")) {
            let path = root().join(pair[0]).join(pair[1]);
            let mode = std::fs::metadata(&path)
                .map(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()));
            assert!(mode.is_ok_and(|mode| mode & 0o111 != 0), "{}: {}", file.display(), path.display());
            found += 1;
        }
    }
    assert!(found >= 3, "only {found} files are named: the workflows are not parsed correctly");
}
