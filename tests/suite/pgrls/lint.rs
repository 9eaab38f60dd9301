//! The findings of pgrls' lint rules.

use super::program::{CONFIG, Deployment, Report, pgrls};
use crate::world::{Database, releases};

#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn the_rules_find_nothing_on_any_release() {
    for major in releases() {
        let deployment = Deployment::of_release(major).await;

        let report = pgrls(&deployment.url(), &["lint", CONFIG]).await;

        assert_eq!(found(&report), [""; 0], "PostgreSQL {major}: {report:#?}");
        assert!(report.passed);
    }
}

/// An exemption that is no longer needed must be removed, because it would hide new findings.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn every_exemption_is_needed() {
    let deployment = Deployment::new().await;
    let told = include_str!("../../pgrls/pgrls.toml");
    let without_exemptions: Vec<_> = told.lines().filter(|line| !line.starts_with("allowlist = ")).collect();
    let config = std::env::temp_dir().join(format!("rowkeep-pgrls-{}.toml", std::process::id()));
    std::fs::write(&config, without_exemptions.join("\n")).expect("a file");

    let argument = format!("--config={}", config.display());
    let report = pgrls(&deployment.url(), &["lint", &argument]).await;

    std::fs::remove_file(&config).expect("no more file");
    assert_eq!(exempted(), found(&report), "{report:#?}");
    assert!(!report.passed);
}

/// Shows that the rules find mistakes in spite of the exemptions.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn the_rules_find_mistakes() {
    for mistakes in [BESIDE_THE_POLICIES, TOO_LITTLE, TOO_MUCH, NO_POLICY, NO_ROW_SECURITY] {
        let database = Database::new().await;
        for (_, mistake) in mistakes {
            database.superuser().await.batch_execute(mistake).await.expect(mistake);
        }

        let report = pgrls(&database.url("postgres"), &["lint", CONFIG]).await;

        let found = found(&report);
        for (rule, mistake) in mistakes {
            assert!(found.iter().any(|found| found == rule), "{mistake}: {report:#?}");
        }
        assert!(!report.passed);
    }
}

/// The expected finding, and the mistake. Mistakes that would hide each other are in different lists.
type Mistakes = &'static [(&'static str, &'static str)];

const BESIDE_THE_POLICIES: Mistakes = &[
    ("SEC001 public.notes", "create table public.notes (user_id text)"),
    (
        "SEC013 app.tasks.other",
        "create trigger other before update on app.tasks for each row execute function app.tasks_touch()",
    ),
    (
        "SEC014 app.everything",
        "create function app.everything() returns setof app.tasks language sql security definer
                set search_path = '', pg_temp as 'select * from app.tasks'",
    ),
    (
        "SEC015 app.careless",
        "create function app.careless() returns int language sql security definer return 1",
    ),
    ("SEC035 app.tasks (titles)", "alter table app.tasks add constraint titles unique (title)"),
    (
        "SEC044 app",
        "alter default privileges for role rowkeep_owner in schema app grant select on tables to rowkeep_api",
    ),
    ("SEC046 app.tasks.owner_only", "alter function app.current_user_id() immutable"),
    ("VIEW001 app.all_tasks", "create view app.all_tasks as select * from app.tasks"),
];

const TOO_LITTLE: Mistakes = &[
    ("SEC002 app.tasks", "alter table app.tasks no force row level security"),
    ("SEC007 app.tasks", "drop policy fence on app.tasks"),
    ("SEC020 app.tasks.owner_only", "alter policy owner_only on app.tasks with check (true)"),
    (
        "PERF001 app.tasks.slow",
        "create policy slow on app.tasks for select to rowkeep_api using (user_id = app.current_user_id())",
    ),
];

const TOO_MUCH: Mistakes = &[
    ("SEC008 app.tasks.oops", "create policy oops on app.tasks to rowkeep_api using (true)"),
    ("SEC031 app.tasks.fence", "alter policy fence on app.tasks using (true)"),
];

const NO_POLICY: Mistakes = &[("SEC012 app.tasks", "drop policy owner_only on app.tasks")];

const NO_ROW_SECURITY: Mistakes = &[("SEC032 app.tasks", "alter table app.tasks disable row level security")];

/// Rule and object of every finding, of any severity, sorted.
fn found(report: &Report) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let violations = report.json["violations"].as_array().expect("violations");
    let mut found: Vec<_> = violations
        .iter()
        .map(|violation| format!("{} {}", text(&violation["rule_id"]), text(&violation["location"])))
        .collect();
    assert_eq!(report.json["summary"]["total"], found.len(), "{report:#?}");
    found.sort();
    found
}

/// Rule and object of every exemption in `pgrls.toml`, sorted.
fn exempted() -> Vec<String> {
    let told = include_str!("../../pgrls/pgrls.toml");
    let mut rule = "";
    let mut exempted = Vec::new();
    for line in told.lines() {
        if let Some(header) = line.strip_prefix("[lint.rules.") {
            rule = header.trim_end_matches(']');
        } else if let Some(list) = line.strip_prefix("allowlist = ") {
            // This line of TOML is also valid JSON.
            let objects: Vec<String> = serde_json::from_str(list).expect("a list");
            exempted.extend(objects.iter().map(|object| format!("{rule} {object}")));
        }
    }
    exempted.sort();
    exempted
}
