//! What the README shows under "Audit it" is what comes out: each of its commands is run, and the output compared.

use tokio::process::Command;

use rowkeep::development::Programs;
use rowkeep::schema;

use crate::database::support::creates;
use crate::world::OwnCluster;

/// The commands of the section, each with the output that follows it.
fn shown() -> Vec<(String, String)> {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("a README");
    let section =
        readme.split("\n## Audit it\n").nth(1).expect("a section").split("\n## ").next().expect("its text");

    let mut shown = Vec::new();
    let mut blocks = section.split("\n```").skip(1).step_by(2).peekable();
    while let Some(command) = blocks.next() {
        let Some(command) = command.strip_prefix("sh\n") else { continue };
        if let Some(output) = blocks.peek().and_then(|block| block.strip_prefix("text\n")) {
            shown.push((command.to_owned(), output.to_owned()));
        }
    }
    shown
}

/// Without what depends on the release: its number and its holes, and a privilege that 17 brought.
fn comparable(output: &str) -> Vec<String> {
    let lines = output.trim_end().lines().map(|line| line.trim_end().replace("arwdDxtm/", "arwdDxt/"));
    let lines = lines
        .filter(|line| !line.contains("server      PostgreSQL") && !line.contains("fix: update PostgreSQL"));
    lines.map(|line| if line.contains(" facts: ") { "(counted)".into() } else { line }).collect()
}

#[tokio::test]
async fn what_the_readme_shows_of_an_audit_is_what_comes_out() {
    let cluster = OwnCluster::start().await;
    cluster.superuser("postgres").await.batch_execute("create database rowkeep").await.expect("a database");
    schema::migrate(&cluster.address("postgres", "rowkeep"), false).await.expect("a migrated database");
    let host = cluster.url("postgres", "rowkeep").split('\'').nth(1).expect("a directory").to_owned();
    let programs = Programs::find(None).expect("PostgreSQL's programs");
    let places = [programs.path("psql"), env!("CARGO_BIN_EXE_rowkeep").into()];
    let path = places.map(|program| program.parent().expect("a directory").display().to_string()).join(":");
    let run = async |command: &str| {
        Command::new("sh")
            .args(["-e", "-c", command])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("PATH", format!("{path}:/usr/bin:/bin"))
            .env("PSQL", "psql -X -v ON_ERROR_STOP=1 -d rowkeep")
            .envs([("PGHOST", host.as_str()), ("PGUSER", "postgres")])
            .env("DATABASE_URL", cluster.url("postgres", "rowkeep"))
            .output()
            .await
            .expect("a shell")
    };
    let made = run("$PSQL -q -v login=rowkeep_login -v password=secret -f sql/setup/login.sql").await;
    assert!(made.status.success(), "{made:?}");
    let client = cluster.superuser("rowkeep").await;
    creates(&client, "alice", "buy milk").await;
    creates(&client, "bob", "secret").await;

    let shown = shown();
    assert_eq!(shown.len(), 4, "{shown:?}");
    for (command, wanted) in shown {
        let output = run(&command).await;
        let found = String::from_utf8(output.stdout).expect("text");

        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let (found, wanted) = (comparable(&found), comparable(&wanted));
        // Of `rowkeep audit` the end is shown.
        let skipped = found.len().saturating_sub(wanted.len()) * usize::from(command == "rowkeep audit");
        assert_eq!(found[skipped..], wanted, "{command}");
    }
}
