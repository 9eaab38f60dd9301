//! Commands in the documents print the output that the documents show. The tests run each command that is followed by an
//! output, and compare the two.

use std::path::{Path, PathBuf};

use rowkeep::development::Programs;
use rowkeep::schema;
use tokio_postgres::Client;

use super::markdown::{Page, root};
use crate::adoption::old_server::{OldServer, TASKS};
use crate::database::support::{begin_as, creates, texts};
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
    /// Whether the numbers of findings are those of the documents.
    counts: bool,
    /// The login of `DATABASE_URL`.
    login: &'static str,
}

/// Whether the documents show the numbers of findings of this server: those of PostgreSQL 15.18, and of each release 15 with the
/// same known holes. Other releases have others.
pub async fn has_the_findings_of_the_documents(admin: &Client) -> bool {
    let release = texts(admin, "select current_setting('server_version_num')").await;
    ("150000".."150020").contains(&release[0].as_str())
}

impl Deployment {
    /// As after `make run`: only the superuser can log in.
    async fn for_development() -> Self {
        let cluster = OwnCluster::start().await;
        let admin = cluster.superuser("postgres").await;
        admin.batch_execute("create database rowkeep").await.expect("a database");
        schema::migrate(&cluster.address("postgres", "rowkeep"), false).await.expect("a migrated database");
        // The number of the README is that without DATABASE_URL: operation::development compares it.
        Self { cluster, counts: false, login: "postgres" }
    }

    /// As after an installation: with the login of requests.
    async fn new() -> Self {
        let mut this = Self::for_development().await;
        let admin = this.cluster.superuser("postgres").await;
        this.counts = has_the_findings_of_the_documents(&admin).await;
        let login = "LOGIN_PASSWORD=secret $PSQL -q -v login=rowkeep_login -f sql/setup/login.sql";
        this.runs(&[login.into()], root()).await;
        this
    }

    fn url(&self, login: &str) -> String {
        self.cluster.url(login, "rowkeep")
    }

    /// Runs blocks one after the other in one shell. Returns their outputs.
    async fn runs(&self, blocks: &[String], directory: &Path) -> Vec<String> {
        let url = self.url(self.login);
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
            .env("SOURCE_DATABASE_URL", self.cluster.url("postgres", "old"))
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
            // The pages show a server at localhost in the place of the socket of this test.
            let socket = self.cluster.socket_directory().display().to_string();
            let found = comparable(&found.replace(&socket, "localhost"), self.counts);
            let wanted = comparable(&wanted, self.counts);
            // The page shows only the end of a whole audit.
            let skipped = found.len().saturating_sub(wanted.len()) * usize::from(command == "rowkeep audit");
            assert_eq!(found[skipped..], wanted, "{}: {command}", page.path);
        }
    }
}

/// The lines of an output, without the parts that differ between runs: times, cursors, and the facts that depend on the
/// release of PostgreSQL (its version, its known security holes, the privilege MAINTAIN of release 17), and the first lines of
/// an audit. The numbers of facts are there if they `counts`.
fn comparable(output: &str, counts: bool) -> Vec<String> {
    let lines = output.trim_end().lines().map(|line| line.trim_end().replace("arwdDxtm/", "arwdDxt/"));
    let lines = lines
        .filter(|line| !line.contains("server      PostgreSQL") && !line.contains("update PostgreSQL"))
        .filter(|line| !line.starts_with("audit of database ") && !line.starts_with("PostgreSQL "));
    let counted = |line: &str| line.contains(" facts: ") && !counts;
    lines.map(|line| if counted(&line) { "(counted)".into() } else { masked(&line) }).collect()
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
    let deployment = Deployment { login: "rowkeep_login", ..Deployment::new().await };
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

/// The tasks of the old server in docs/migrate-from-fastapi.md.
const OLD_TASKS: &str = "
    insert into public.tasks
    select n, case when n % 3 = 0 then 'Zt8vKq1oWm5x4e7u' else 'Qm3xLAw8rYb0c2p6' end, 'task ' || n, null, n % 2 = 0,
           timestamp '2026-01-10 09:30:00' + n * interval '1 hour', timestamp '2026-01-10 09:30:00' + n * interval '2 hours'
      from generate_series(1, 40) n
     where n <> 17;
    alter table public.tasks alter column title type varchar, add column priority varchar;
    update public.tasks set title = repeat('long ', 50) where id = 31";

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_commands_of_the_migration_page_print_the_outputs_shown() {
    let deployment = Deployment::new().await;
    let admin = deployment.cluster.superuser("rowkeep").await;
    admin.batch_execute("create database old").await.expect("a database");
    let old = deployment.cluster.superuser("old").await;
    old.batch_execute(&format!("{TASKS} {OLD_TASKS}")).await.expect("an old table");
    let page = Page::read("docs/migrate-from-fastapi.md");
    let view = page.blocks().into_iter().find(|block| block.text.starts_with("create view")).expect("a view");
    old.batch_execute(&view.text).await.expect("the view of the page");

    deployment.assert_outputs(&page, "", root()).await;
}

/// In one database, as the page says.
#[tokio::test]
async fn the_statements_of_the_migration_page_copy_the_tasks_back() {
    let old = OldServer::new().await;
    old.adopts().await;
    let login = old.database.client("rowkeep_login").await;
    creates(&login, "alice", "new").await;
    begin_as(&login, "alice").await;
    login
        .batch_execute(
            "update app.tasks set title = 'changed', description = 'by her', completed = true where id = 3; commit",
        )
        .await
        .expect("a change");
    let page = Page::read("docs/migrate-from-fastapi.md");

    let back =
        page.blocks().into_iter().find(|block| block.text.starts_with("insert into")).expect("a statement");
    old.admin.batch_execute(&format!("set search_path = public; {}", back.text)).await.expect("the way back");

    let tasks = "select concat_ws(' ', user_id, title, nextval('public.tasks_id_seq') > max(id) over ()) from public.tasks order by id";
    let wanted = ["alice changed t", "alice call mum t", "bob secret t", "alice new t"];
    assert_eq!(texts(&old.admin, tasks).await, wanted);
    let differing = "select id::text from app.tasks t full join public.tasks o using (id)
                      where (t.user_id, t.title, t.description, t.completed,
                             t.created_at at time zone 'UTC', t.updated_at at time zone 'UTC') is distinct from
                            (o.user_id, o.title, o.description, o.completed, o.created_at, o.updated_at)";
    assert_eq!(texts(&old.admin, differing).await, [""; 0]);
}

/// Runs the commands of a page while a server answers, which connects as `login`.
async fn assert_requests(page: &str, deployment: Deployment, login: &str) {
    let url = deployment.url(login);
    let server =
        Server::start(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await.expect("a server");
    // A directory without an .env, which could change settings.
    let directory = Directory::new();

    deployment.assert_outputs(&Page::read(page), &server.address.to_string(), &directory.0).await;
}

#[tokio::test]
#[ignore = "needs curl: `make test-all`"]
async fn the_commands_of_the_readme_print_the_outputs_shown() {
    assert_requests("README.md", Deployment::for_development().await, "postgres").await;
}

#[tokio::test]
#[ignore = "needs curl: `make test-all`"]
async fn the_commands_of_the_api_page_print_the_outputs_shown() {
    assert_requests("docs/api.md", Deployment::new().await, "rowkeep_login").await;
}
