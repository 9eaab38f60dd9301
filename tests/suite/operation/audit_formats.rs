//! The formats of the report and the exit status of `rowkeep audit`.

use super::audit::{audit, psql_ends};
use super::audit_accepted::report;
use super::program::{Ended, Program};
use crate::documents::markdown::Page;
use crate::world::{Database, OwnCluster};

const TRUNCATE: &str = "grant truncate on app.tasks to rowkeep_auditor";

async fn ended(database: &Database, login: &str, arguments: &[&str]) -> Ended {
    let mut program = audit(&database.url(login));
    program.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    program.run().await
}

async fn damaged(statements: &str) -> Database {
    let database = Database::new().await;
    database.superuser().await.batch_execute(statements).await.expect(statements);
    database
}

#[tokio::test]
async fn the_exit_status_tells_a_fail_from_an_audit_that_did_not_take_place() {
    let (sound, broken) = (Database::new().await, damaged(TRUNCATE).await);
    let auditor = format!("auditor_{}", sound.name);
    let make = format!("create role {auditor} login; grant rowkeep_auditor to {auditor}");
    sound.superuser().await.batch_execute(&make).await.expect("a role");
    let unreachable = sound.url("postgres").replace(&sound.name, "not_there");
    let wrong = "postgres://nobody@127.0.0.1:1/nothing?sslmode=perhaps";

    let clean = ended(&sound, "postgres", &[]).await;
    let failed = ended(&broken, "postgres", &[]).await;
    let unproved = ended(&sound, &auditor, &[]).await;
    let lost = audit(&unreachable).run().await;
    let misconfigured = audit(wrong).run().await;
    let unknown = Program::new(&["audit", "--format", "xml"]).run().await;

    let codes = [&clean, &failed, &unproved, &lost, &misconfigured, &unknown].map(|ended| ended.code);
    assert_eq!(codes, [0, 1, 3, 2, 2, 2].map(Some), "{}{}", lost.err, misconfigured.err);
    // The standard output has the report and nothing else.
    assert!(
        clean.out.starts_with("audit of database ") && clean.out.ends_with("isolation: HELD\n"),
        "{}",
        clean.out
    );
    assert!(!clean.err.contains("ERROR"), "{}", clean.err);
    assert!(failed.err.contains("FAIL: run the fixes that the report shows"), "{}", failed.err);
    assert!(unproved.out.ends_with("isolation: NOT PROVED\n"), "{}", unproved.out);
    assert_eq!((lost.out, misconfigured.out), (String::new(), String::new()));
}

/// The time limit of a login is for its requests. A lock makes the audit take longer than that.
#[tokio::test]
async fn the_audit_does_not_end_at_the_time_limit_of_its_login() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let hasty = format!("hasty_{}", database.name);
    let make =
        format!("create role {hasty} login superuser; alter role {hasty} set statement_timeout = '300ms'");
    admin.batch_execute(&make).await.expect("a login");
    admin.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");

    let url = database.url(&hasty);
    let (ended, _) = tokio::join!(audit(&url).run(), async {
        tokio::time::sleep(std::time::Duration::from_millis(900)).await;
        admin.batch_execute("rollback").await.expect("no lock");
    });

    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
}

#[tokio::test]
async fn a_note_fails_where_the_caller_wants_it() {
    let database = Database::new().await;

    let ended = ended(&database, "postgres", &["--fail-on", "note"]).await;

    assert_eq!(ended.code, Some(1), "{}", ended.out);
    assert!(ended.out.contains("NOTE     RK-108 ") && ended.out.contains(" 0 FAIL"), "{}", ended.out);
}

#[tokio::test]
async fn psql_ends_with_3_after_a_fail_and_prints_the_whole_report() {
    let (sound, broken) = (Database::new().await, damaged(TRUNCATE).await);

    let (clean, _) = psql_ends(&sound, "postgres", &[]).await;
    let (failed, text) = psql_ends(&broken, "postgres", &[]).await;

    assert_eq!((clean, failed), (Some(0), Some(3)), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.contains(" 1 FAIL, ")), "{text}");
}

#[tokio::test]
async fn the_first_lines_name_the_database_the_login_and_what_was_applied() {
    let database = Database::new().await;

    let program = ended(&database, "rowkeep_login", &[]).await.out;
    let (_, psql) = psql_ends(&database, "postgres", &[]).await;

    let policies = rowkeep::schema::Version::of_this_release().policies;
    let digest: String = policies.chars().take(12).collect();
    let release = env!("CARGO_PKG_VERSION");
    for (text, login) in [(&program, "rowkeep_login"), (&psql, "postgres")] {
        let lines: Vec<_> = text.lines().take(2).collect();
        assert!(lines[0].starts_with(&format!("audit of database {} on ", database.name)), "{lines:?}");
        assert!(lines[0].contains(&format!(" as {login} at 20")) && lines[0].ends_with('Z'), "{lines:?}");
        assert!(lines[1].contains(&format!("; Rowkeep {release}; migration 9 (")), "{lines:?}");
        assert!(lines[1].ends_with(&format!("; policies {digest}")), "{lines:?}");
    }
    // A login that may not read the history does not know the digest of the migrations.
    assert!(program.contains("migration 9 (not read)") && !psql.contains("(not read)"), "{program}{psql}");
}

/// The names of the members, of objects in objects as well.
fn members(value: &serde_json::Value, path: &str, names: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                names.push(format!("{path}.{name}"));
                members(value, &format!("{path}.{name}"), names);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| members(value, path, names)),
        _ => {}
    }
}

fn sorted_members(value: &serde_json::Value) -> Vec<String> {
    let mut names = Vec::new();
    members(value, "", &mut names);
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn the_json_has_the_members_that_the_page_shows() {
    let database = damaged(&format!(
        "{TRUNCATE}; create index mine on app.tasks (updated_at); insert into rowkeep.accepted (id, subject, why)
                     values ('RK-503', 'truncate on app.tasks to rowkeep_auditor', 'the export needs it')"
    ))
    .await;

    let found = report(&database, "postgres").await;

    let page = Page::read("docs/audit.md");
    let example = page.blocks().into_iter().find(|block| block.text.starts_with("{\n")).expect("an example");
    let example: serde_json::Value = serde_json::from_str(&example.text).expect("JSON");
    assert_eq!(sorted_members(&found), sorted_members(&example));
    let accepted = |report: &serde_json::Value| {
        let facts = report["facts"].as_array().expect("facts").iter();
        let fact = facts.clone().find(|fact| fact["verdict"] == "ACCEPTED");
        fact.expect("an accepted fact").clone()
    };
    assert_eq!(accepted(&found), accepted(&example));
    assert_eq!(found["result"]["fail"], 1, "{found:#}");
    assert_eq!(found["result"]["isolation"], "NOT HELD");
}

#[tokio::test]
async fn the_junit_report_has_a_test_case_for_each_fact() {
    let database = damaged(&format!("{TRUNCATE}; create view public.\"<&\"\"'>\" as table app.tasks")).await;
    let auditor = format!("auditor_{}", database.name);
    let make = format!("create role {auditor} login; grant rowkeep_auditor to {auditor}");
    database.superuser().await.batch_execute(&make).await.expect("a role");

    let ended = ended(&database, &auditor, &["--format", "junit"]).await;

    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let document =
        roxmltree::Document::parse(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out));
    let named =
        |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).collect::<Vec<_>>();
    let suite = named("testsuite")[0];
    for (attribute, elements) in [("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")] {
        assert_eq!(
            suite.attribute(attribute),
            Some(named(elements).len().to_string().as_str()),
            "{attribute}"
        );
    }
    for required in ["name", "errors", "time", "timestamp", "hostname"] {
        assert!(suite.has_attribute(required), "{required}");
    }
    for case in named("testcase") {
        assert!(["name", "classname", "time"].iter().all(|name| case.has_attribute(*name)), "{case:?}");
    }
    let names: Vec<_> = named("failure").iter().filter_map(|node| node.parent()?.attribute("name")).collect();
    assert!(names.contains(&"RK-503 truncate on app.tasks to rowkeep_auditor"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("RK-802 view public.\"<&\"\"'>\"")), "{names:?}");
    let skipped: Vec<_> = named("skipped").iter().filter_map(|node| node.attribute("message")).collect();
    assert!(skipped.iter().any(|message| message.starts_with("not tried: ")), "{skipped:?}");
}

#[tokio::test]
async fn the_page_for_reviewers_names_the_controls_and_cannot_be_forged_by_names() {
    let database = damaged(&format!(
        "{TRUNCATE}; create view public.\"a | b <b>`_*\" as table app.tasks; create index mine on app.tasks (updated_at);
         insert into rowkeep.accepted (id, subject, why, until)
                values ('RK-503', 'truncate on app.tasks to rowkeep_auditor', 'the | export', '2999-12-31')"
    ))
    .await;

    let text = ended(&database, "postgres", &["--format", "markdown"]).await.out;

    let row =
        |id: &str| text.lines().find(|line| line.starts_with(&format!("| {id} | "))).unwrap_or("no row");
    assert!(
        row("RK-301").ends_with(
            " | CIS 4.7: Ensure Row Level Security (RLS) is configured correctly<br>SOC 2 CC6.1: Logical access security \
             over protected information assets |"
        ),
        "{text}"
    );
    let difference = r"<br>Difference (- declared, + in the database):<br>+ CREATE INDEX mine ON app.tasks USING btree (updated\_at);";
    assert!(row("RK-902").contains(difference), "{text}");
    assert!(row("RK-503").contains(r"Accepted by postgres until 2999-12-31: the \| export"), "{text}");
    assert!(row("RK-802").contains(r#"view public."a \| b &lt;b&gt;\`\_\*" "#), "{text}");
    let sections: Vec<_> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(sections.len(), 4, "{sections:?}");
    assert!(
        sections[1] == "## Accepted (1)" && text.contains("\n| Result | isolation NOT HELD |\n"),
        "{text}"
    );
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_fix_says_who_must_run_it_if_this_login_cannot() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let roles = "create role dba login; grant rowkeep_auditor to dba; create role boss login; grant rowkeep_owner to boss";
    admin.batch_execute(&format!("{TRUNCATE}; {roles}")).await.expect("a grant and roles");
    let fixes = async |login: &str| {
        let text = audit(&cluster.url(login, "postgres")).run().await.out;
        let of = |fix: &str| {
            let line =
                text.lines().find(|line| line.contains(fix)).unwrap_or_else(|| panic!("{fix}: {text}"));
            line.trim_start().split(": ").next().unwrap_or_default().to_owned()
        };
        [of("revoke truncate on app.tasks"), of("revoke execute on function pg_advisory_lock(bigint)")]
    };

    assert_eq!(fixes("postgres").await, ["fix", "fix"]);
    assert_eq!(fixes("boss").await, ["fix", "fix as a superuser"]);
    assert_eq!(fixes("dba").await, ["fix as rowkeep_owner", "fix as a superuser"]);
    admin.batch_execute("create role rds_superuser").await.expect("a role of a hosting service");
    assert_eq!(fixes("dba").await, ["fix as rowkeep_owner", "fix by your provider"]);
    admin
        .batch_execute("drop role rds_superuser; create role tsdbadmin")
        .await
        .expect("a role of another one");
    assert_eq!(fixes("dba").await, ["fix as rowkeep_owner", "fix by your provider"]);
    // A superuser of this name is none of a service.
    admin.batch_execute("drop role tsdbadmin; create role our_superuser superuser").await.expect("a role");
    assert_eq!(fixes("dba").await, ["fix as rowkeep_owner", "fix as a superuser"]);
}

/// The cause is in another line, which has the statement.
#[tokio::test]
async fn the_proof_sends_to_the_line_that_fails() {
    let database = Database::new().await;
    let stored = format!("alter role rowkeep_login in database {} set app.user_id = 'x'", database.name);
    database.superuser().await.batch_execute(&stored).await.expect("a setting");

    let report = report(&database, "rowkeep_login").await;

    let left = report["facts"].as_array().expect("facts").iter().filter(|fact| fact["id"] == "RK-911");
    let remains = |fact: &&serde_json::Value| {
        fact["subject"].as_str().is_some_and(|said| said.contains("remains after"))
    };
    let left: Vec<_> = left.filter(remains).collect();
    assert!(!left.is_empty(), "{report:#}");
    for fact in left {
        let fix = fact["fix"].as_str().unwrap_or_default();
        assert!(fix.starts_with("by hand: fix the lines above that fail"), "{fact:#}");
    }
}

/// What a login that migrates is told to run: each statement runs, and the others say who can run them.
async fn expect_that_its_fixes_run(cluster: &OwnCluster) {
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let roles = "create role migrator login createrole; grant rowkeep_owner, rowkeep_api to migrator;
        create role helper login; grant rowkeep_api to helper; create role crew; grant crew to rowkeep_api;
        grant pg_monitor to rowkeep_login; create role reader login; grant pg_read_server_files, pg_read_all_data to reader;
        create role stored login; grant rowkeep_api to stored; alter role stored set role = 'rowkeep_api';
        alter role stored set search_path = app; alter role stored set app.user_id = 'x'; alter role rowkeep_auditor login;
        grant truncate on app.tasks to rowkeep_auditor";
    admin.batch_execute(roles).await.expect("roles");
    let mut program = audit(&cluster.url("migrator", "postgres"));
    program.arguments.extend(["--format".to_owned(), "json".to_owned()]);
    let report: serde_json::Value = serde_json::from_str(&program.run().await.out).expect("JSON");

    let migrator =
        rowkeep::session::connect_once(&cluster.address("migrator", "postgres")).await.expect("a session");
    let (mut run, mut problems) = (0, Vec::new());
    for fact in report["facts"].as_array().expect("facts") {
        let Some(fix) = fact["fix"].as_str() else { continue };
        if fix.starts_with("by hand") || fix.starts_with("rowkeep ") || !fact["fixed_by"].is_null() {
            continue;
        }
        run += 1;
        let tried = migrator.batch_execute(&format!("begin; {fix} rollback")).await;
        if let Err(error) = tried {
            problems.push(format!("{fix}: {error:?}"));
            migrator.batch_execute("rollback").await.expect("a rollback");
        }
    }
    assert!(problems.is_empty() && run > 0, "{run}: {problems:#?}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn each_fix_that_names_nobody_else_can_be_run_by_this_login() {
    expect_that_its_fixes_run(&OwnCluster::start().await).await;
}

/// From 16 on, CREATEROLE alone changes no role.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn each_fix_that_names_nobody_else_can_be_run_by_this_login_with_newer_releases() {
    for major in crate::world::releases().into_iter().filter(|major| *major >= 16) {
        expect_that_its_fixes_run(&OwnCluster::of_release(major).await).await;
    }
}
