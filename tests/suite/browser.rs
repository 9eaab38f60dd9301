//! Pages in a real browser: scripts of `tests/browser` drive Chromium against the program.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Runs `tests/browser/<script>` with these variables.
///
/// # Panics
/// If it fails, with all that it printed, or if it takes more than three minutes.
pub async fn browse(script: &str, variables: &[(&str, &str)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let missing = "the browser is not installed: run `make test-all`, which installs it";
    assert!(folder.join("node_modules/playwright-core").is_dir(), "{missing}");

    // Where `.ci/node` installs Node.js, if the system has none that is new enough.
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/target/node/bin");
    let path = format!("{installed}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("node");
    command.arg(script).current_dir(folder).env("PATH", path).envs(variables.iter().copied());

    let run = timeout(Duration::from_secs(180), command.kill_on_drop(true).output());
    let output = run.await.expect("three minutes are enough").expect(missing);
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}:\n{printed}");
}
