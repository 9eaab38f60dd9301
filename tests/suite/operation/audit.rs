//! `rowkeep audit` and `sql/audit.sql`: what they print for which login, and that they change nothing.

use std::collections::BTreeSet;

use rowkeep::development::Programs;
use tokio::process::Command;

use super::program::{Ended, Program};
use crate::database::support::creates;
use crate::world::Database;

/// The command, with no setting but the database.
pub fn audit(url: &str) -> Program {
    Program::new(&["audit"]).with(&[("DATABASE_URL", url)])
}

async fn run_audit(database: &Database, login: &str) -> Ended {
    audit(&database.url(login)).run().await
}

/// What `psql -f sql/audit.sql` prints for `login`.
async fn run_in_psql(database: &Database, login: &str, settings: &[(&str, &str)]) -> String {
    let (code, text) = psql_ends(database, login, settings).await;
    assert!(code == Some(0) || code == Some(3), "{login}: {text}");
    text
}

/// The exit status of `psql -f sql/audit.sql`, and what it prints.
pub async fn psql_ends(database: &Database, login: &str, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let programs = Programs::find(None).expect("PostgreSQL's programs");
    let script = format!("{}/sql/audit.sql", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(programs.path("psql"))
        .args(["-X", "-q", "-t", "-A", "-f", &script, "-d", &database.url(login)])
        .envs(settings.iter().copied())
        .output()
        .await
        .expect("psql");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

/// Without the first lines, which have the time and the login, and without the last line, which has the counts.
fn facts(text: &str) -> Vec<&str> {
    text.trim_end().lines().skip(2).filter(|line| !line.contains(" facts: ")).collect()
}

/// Without the facts about roles: other tests make roles in the same cluster meanwhile.
fn facts_of_the_database(text: &str) -> Vec<&str> {
    let mut kept = true;
    let lines = facts(text).into_iter().filter(|line| {
        if !line.starts_with(' ') {
            // RK-106 lists the logins that may connect.
            kept = !line.contains(" RK-106 ")
                && !["bypass ", "login ", "settings ", "identity    role"]
                    .iter()
                    .any(|area| line.get(16..).is_some_and(|rest| rest.starts_with(area)));
        }
        kept
    });
    lines.collect()
}

#[tokio::test]
async fn the_program_prints_what_psql_prints_and_then_more() {
    for damage in
        ["select 1", "alter table app.tasks no force row level security; grant all on app.tasks to public"]
    {
        let database = Database::new().await;
        database.superuser().await.batch_execute(damage).await.expect("a damaged database");

        let program = run_audit(&database, "postgres").await.out;
        let psql = run_in_psql(&database, "postgres", &[]).await;

        let psql = facts_of_the_database(&psql);
        assert_eq!(facts_of_the_database(&program)[..psql.len()], psql, "{damage}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn two_runs_print_the_same() {
    for damage in
        ["select 1", "drop policy fence on app.tasks; alter policy owner_only on app.tasks using (true)"]
    {
        let database = Database::new().await;
        database.superuser().await.batch_execute(damage).await.expect("a damaged database");
        creates(&database.client("rowkeep_login").await, "alice", "hers").await;

        let (one, other) = (run_audit(&database, "postgres").await, run_audit(&database, "postgres").await);

        assert_eq!(facts_of_the_database(&one.out), facts_of_the_database(&other.out), "{damage}");
        assert_eq!(one.code, other.code);
    }
}

/// Names with line breaks, with letters that look like ASCII, and with 63 bytes, the most that PostgreSQL allows.
const HOSTILE: &str = r#"
    create table app.U&"x\000AOK    forged      \00E9\202E" (U&"y\000AOK    forged" int);
    create table app."ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt" (a int);
    create policy U&"p\000AOK    forged      \0430ll is well" on app.tasks using (title <> U&'\000AOK    forged\000Afix: forged');
    create policy U&"\000D\000AOK    forged" on app.tasks using (true);
    create function app.U&"f\000AOK    forged"() returns int language sql as 'select 1';
    create view public.U&"v\000AOK    forged" as table app.tasks;
    create publication U&"b\000AOK    forged" for table app.tasks;
    create rule U&"r\000AOK    forged" as on insert to app.tasks do also select 1;
    create index U&"i\000AOK    forged" on app.tasks (title);
    alter table app.tasks add constraint U&"c\000AOK    forged" check (true);
    comment on constraint tasks_title_blank on app.tasks is E'\nOK    forged\n\u0430';
    create schema U&"s\000AOK    forged"; create table U&"s\000AOK    forged".t (a int);
    grant select on U&"s\000AOK    forged".t to rowkeep_api"#;

#[tokio::test]
async fn the_report_is_ascii_fits_a_terminal_and_cannot_be_forged_by_names() {
    let database = Database::new().await;
    database.superuser().await.batch_execute(HOSTILE).await.expect("hostile names");

    let program = run_audit(&database, "postgres").await;
    let psql = run_in_psql(&database, "postgres", &[]).await;

    assert_eq!(program.code, Some(1), "{}", program.out);
    let mut in_fix = false;
    for line in program.out.lines().chain(psql.lines()) {
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        assert!(!line.starts_with("OK    forged"), "{line}");
        assert!(!line.trim_start().starts_with("fix: forged"), "{line}");
        // A statement to copy is one line, whatever its length.
        let begins = line.trim_start().starts_with("fix: ");
        in_fix = begins || in_fix && line.starts_with(&" ".repeat(28));
        assert!(in_fix || line.len() < 120, "{line}");
    }
    let named = |text: &str| text.matches("OK    forged").count();
    assert!(named(&program.out) > 20 && named(&psql) > 8, "{}", program.out);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn every_login_that_can_connect_can_audit_with_psql() {
    let database = Database::new().await;
    let (auditor, nobody) = (format!("auditor_{}", database.name), format!("nobody_{}", database.name));
    let make = format!(
        "create role {auditor} login; grant rowkeep_auditor to {auditor}; create role {nobody} login"
    );
    database.superuser().await.batch_execute(&make).await.expect("roles");

    // Who must run a fix depends on the login, and a login without any privilege cannot read what is accepted.
    let seen = async |login: &str| {
        let text = run_in_psql(&database, login, &[]).await;
        let mut kept = true;
        let lines = facts_of_the_database(&text).into_iter().filter(|line| {
            let continues = line.starts_with(' ');
            let begins_fix = line.trim_start().starts_with("fix") && continues;
            kept = if continues { kept && !begins_fix } else { !line.contains(" RK-923 ") };
            kept
        });
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = seen("postgres").await;
    for login in ["rowkeep_login", &auditor, &nobody] {
        assert_eq!(seen(login).await, all, "{login}");
    }
}

#[tokio::test]
async fn an_auditor_is_told_which_proofs_their_login_cannot_run() {
    let database = Database::new().await;
    let auditor = format!("auditor_{}", database.name);
    let make = format!("create role {auditor} login; grant rowkeep_auditor to {auditor}");
    database.superuser().await.batch_execute(&make).await.expect("a role");

    let audit = run_audit(&database, &auditor).await;

    assert!(
        audit.out.contains("NOTE     RK-911 proof       not tried: this login may not take on rowkeep_api"),
        "{}",
        audit.out
    );
    assert!(!audit.out.contains("OK       RK-911 proof"), "{}", audit.out);
    assert_eq!(audit.code, Some(3), "{}", audit.out);
}

#[tokio::test]
async fn the_serving_login_can_run_every_check_and_proof() {
    let database = Database::new().await;

    let audit = run_audit(&database, "rowkeep_login").await;

    assert!(audit.out.contains("OK       RK-901 drift       migration "), "{}", audit.out);
    assert!(audit.out.contains("OK       RK-911 proof       app.tasks: "), "{}", audit.out);
    assert_eq!(audit.code, Some(0), "{}", audit.out);
}

#[tokio::test]
async fn a_database_that_was_never_migrated_fails_with_the_command_to_run() {
    let database = Database::unmigrated().await;

    let audit = run_audit(&database, "postgres").await;

    assert!(audit.out.contains("the database has not been migrated"), "{}", audit.out);
    assert!(audit.out.contains("fix: rowkeep migrate\n"), "{}", audit.out);
    assert_eq!(audit.code, Some(1), "{}", audit.out);
}

#[tokio::test]
async fn a_function_that_is_copied_from_the_report_is_as_declared() {
    let database = Database::new().await;
    let superuser = database.superuser().await;
    let change =
        "create or replace function app.tasks_touch() returns trigger language plpgsql set search_path = ''
                      as $$ begin return new; end $$;
                  create or replace function app.current_user_id() returns text language sql return 'alice'";
    superuser.batch_execute(change).await.expect("other functions");

    let changed = run_audit(&database, "postgres").await;
    let copied: Vec<String> = changed.out.split("\nFAIL ").filter_map(function_to_copy).collect();

    assert_eq!(copied.len(), 2, "{}", changed.out);
    for function in copied {
        superuser.batch_execute(&function).await.unwrap_or_else(|error| panic!("{error:?}: {function}"));
    }
    let audit = run_audit(&database, "postgres").await;
    assert!(!audit.out.contains("FAIL "), "{}", audit.out);
}

/// The function that the lines of a finding have as their fix.
fn function_to_copy(finding: &str) -> Option<String> {
    let (_, fix) = finding.split_once(" fix: CREATE ")?;
    let ends = ["\nOK ", "\nNOTE "].iter().filter_map(|end| fix.find(end)).min().unwrap_or(fix.len());
    Some(format!("CREATE {}", &fix[..ends]))
}

#[tokio::test]
async fn psql_audits_in_a_read_only_session() {
    let database = Database::new().await;

    let text =
        run_in_psql(&database, "postgres", &[("PGOPTIONS", "-c default_transaction_read_only=on")]).await;

    assert_eq!(
        facts_of_the_database(&text),
        facts_of_the_database(&run_in_psql(&database, "postgres", &[]).await)
    );
}

/// The lines of a dump, without the position of the id sequence; none if this machine has no pg_dump.
async fn dumped(database: &Database) -> Option<BTreeSet<String>> {
    let dump = Programs::find(None).expect("PostgreSQL's programs").path("pg_dump");
    if !dump.exists() {
        return None;
    }
    let output = Command::new(dump).args(["-d", &database.url("postgres")]).output().await.expect("pg_dump");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    // Newer releases put a random word into `restrict` and `unrestrict` lines.
    let lines =
        text.lines().filter(|line| !line.contains("pg_catalog.setval") && !line.contains("restrict "));
    Some(lines.map(str::to_owned).collect())
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_audit_changes_nothing() {
    for damage in
        ["select 1", "drop policy fence on app.tasks; alter policy owner_only on app.tasks using (true)"]
    {
        let database = Database::new().await;
        creates(&database.client("rowkeep_login").await, "alice", "hers").await;
        database.superuser().await.batch_execute(damage).await.expect("a damaged database");
        let Some(before) = dumped(&database).await else { return };

        run_audit(&database, "postgres").await;

        assert_eq!(dumped(&database).await, Some(before), "{damage}");
    }
}
