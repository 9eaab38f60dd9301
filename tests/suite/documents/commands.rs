//! Commands in the documents print the output that the documents show. The tests run each command that is followed by an
//! output, and compare the two.

use std::path::{Path, PathBuf};

use rowkeep::development::Programs;
use rowkeep::schema;

use super::markdown::{Page, root};
use crate::database::support::creates;
use crate::operation::program::Directory;
use crate::world::{OwnCluster, SECRET, Server};

/// Separates the outputs of two blocks.
const SEPARATOR: &str = "\u{1e}";

/// Runs before the blocks: an error ends the shell, and `cargo run` runs the program that is already built.
const PREAMBLE: &str =
    "set -eu\ncargo() { while [ \"$1\" != -- ]; do shift; done; shift; rowkeep \"$@\"; }\n";

/// A migrated database in its own PostgreSQL, set up as the documents say.
struct Deployment {
    cluster: OwnCluster,
}

impl Deployment {
    async fn new() -> Self {
        let cluster = OwnCluster::start().await;
        let admin = cluster.superuser("postgres").await;
        admin.batch_execute("create database rowkeep").await.expect("a database");
        schema::migrate(&cluster.address("postgres", "rowkeep"), false).await.expect("a migrated database");
        let this = Self { cluster };
        let login = "$PSQL -q -v login=rowkeep_login -v password=secret -f sql/setup/login.sql";
        this.runs(&[login.into()], root()).await;
        this
    }

    fn url(&self, login: &str) -> String {
        self.cluster.url(login, "rowkeep")
    }

    /// Runs blocks one after the other in one shell. Returns their outputs.
    async fn runs(&self, blocks: &[String], directory: &Path) -> Vec<String> {
        let url = self.url("postgres");
        let host = url.split('\'').nth(1).expect("a directory");
        let programs = Programs::find(None).expect("PostgreSQL's programs");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_rowkeep"));
        let path = [programs.path("psql"), program]
            .map(|file| file.parent().expect("a directory").display().to_string());
        let script = format!("{PREAMBLE}{}", blocks.join(&format!("\nprintf '{SEPARATOR}'\n")));
        let output = tokio::process::Command::new("sh")
            .args(["-c", &script])
            .current_dir(directory)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", path.join(":")))
            .env("PSQL", "psql -X -v ON_ERROR_STOP=1 -d rowkeep")
            .envs([("PGHOST", host), ("PGUSER", "postgres"), ("DATABASE_URL", &url)])
            .envs([("ENVIRONMENT", "development"), ("BETTER_AUTH_SECRET", SECRET)])
            .output()
            .await
            .expect("a shell");

        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out.split(SEPARATOR).map(str::to_owned).collect()
    }

    /// Runs the commands of a page that are followed by an output, and compares the outputs.
    async fn assert_outputs(&self, page: &Page, address: &str, directory: &Path) {
        let (commands, wanted): (Vec<_>, Vec<_>) = page.commands_with_output().into_iter().unzip();
        assert!(!commands.is_empty(), "{}: nothing to run", page.path);
        let replaced: Vec<_> =
            commands.iter().map(|command| command.replace("127.0.0.1:8000", address)).collect();

        let found = self.runs(&replaced, directory).await;

        for ((command, found), wanted) in commands.iter().zip(found).zip(wanted) {
            let (found, wanted) = (comparable(&found), comparable(&wanted));
            // The page shows only the end of a whole audit.
            let skipped = found.len().saturating_sub(wanted.len()) * usize::from(command == "rowkeep audit");
            assert_eq!(found[skipped..], wanted, "{}: {command}", page.path);
        }
    }
}

/// The lines of an output, without the parts that differ between runs: times, cursors, and the facts that depend on the
/// release of PostgreSQL (its version, its known security holes, the privilege MAINTAIN of release 17, the number of facts).
fn comparable(output: &str) -> Vec<String> {
    let lines = output.trim_end().lines().map(|line| line.trim_end().replace("arwdDxtm/", "arwdDxt/"));
    let lines = lines
        .filter(|line| !line.contains("server      PostgreSQL") && !line.contains("fix: update PostgreSQL"));
    lines.map(|line| if line.contains(" facts: ") { "(counted)".into() } else { masked(&line) }).collect()
}

fn masked(line: &str) -> String {
    let mut masked = String::new();
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("cursor=") {
            masked.push_str("cursor=(encrypted)");
            rest =
                after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '…'));
        } else if is_time(rest) {
            masked.push_str("(time)");
            rest = &rest[TIME.len()..];
        } else {
            masked.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    masked
}

/// The format of times in the API. Each 0 stands for any digit.
const TIME: &str = "0000-00-00T00:00:00.000000Z";

fn is_time(text: &str) -> bool {
    let fits =
        |(wanted, found): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted };
    text.len() >= TIME.len() && TIME.bytes().zip(text.bytes()).all(fits)
}

#[test]
fn only_times_and_cursors_are_masked() {
    let line =
        r#"{"id":1,"created_at":"2026-01-10T09:30:00.123456Z"} </api/v1/tasks?cursor=AcQd_-…>; rel="next""#;

    assert_eq!(
        masked(line),
        r#"{"id":1,"created_at":"(time)"} </api/v1/tasks?cursor=(encrypted)>; rel="next""#
    );
    assert_eq!(masked("2026-01-10T09:30:00Z, 12 cursors"), "2026-01-10T09:30:00Z, 12 cursors");
}

#[tokio::test]
async fn the_commands_of_the_audit_page_print_the_outputs_shown() {
    let deployment = Deployment::new().await;
    let client = deployment.cluster.superuser("rowkeep").await;
    creates(&client, "alice", "buy milk").await;
    creates(&client, "bob", "secret").await;
    let page = Page::read("docs/audit.md");

    deployment.assert_outputs(&page, "", root()).await;

    assert!(
        page.commands_with_output().len() >= 4,
        "psql as a user, its privileges, the facts, and the whole audit"
    );
}

async fn assert_requests(page: &str) {
    let deployment = Deployment::new().await;
    let url = deployment.url("rowkeep_login");
    let server =
        Server::start(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await.expect("a server");
    // A directory without an .env, which could change settings.
    let directory = Directory::new();

    deployment.assert_outputs(&Page::read(page), &server.address.to_string(), &directory.0).await;
}

#[tokio::test]
#[ignore = "needs curl: `make test-all`"]
async fn the_commands_of_the_readme_print_the_outputs_shown() {
    assert_requests("README.md").await;
}

#[tokio::test]
#[ignore = "needs curl: `make test-all`"]
async fn the_commands_of_the_api_page_print_the_outputs_shown() {
    assert_requests("docs/api.md").await;
}
