//! What a DBA has accepted in rowkeep.accepted: how `rowkeep audit` and `psql -f sql/audit.sql` show it, and what cannot be
//! accepted.

use serde_json::Value;
use tokio_postgres::Client;

use super::audit::{audit, psql_ends};
use crate::database::old_and_new::older_policies;
use crate::database::support::{state, texts};
use crate::world::{Database, World};

const TRUNCATE: &str = "grant truncate on app.tasks to rowkeep_auditor";

/// The finding about it.
const TRUNCATE_FINDINGS: [(&str, &str); 1] = [("RK-503", "truncate on app.tasks to rowkeep_auditor")];

const FOR_YEARS: &str = "current_date + 1000";
const UNTIL_LAST_WEEK: &str = "current_date - 7";

async fn damaged(statements: &str) -> (Database, Client) {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    (database, admin)
}

/// Accepts findings. `until` is an expression.
async fn accept<T: AsRef<str>>(admin: &Client, findings: &[(T, T)], until: &str) {
    let insert = format!(
        "insert into rowkeep.accepted (id, subject, why, until) values ($1, $2, 'the export needs it', {until})"
    );
    for (id, subject) in findings {
        admin.execute(&insert, &[&id.as_ref(), &subject.as_ref()]).await.expect("a row");
    }
}

/// The report in JSON.
pub async fn report(database: &Database, login: &str) -> Value {
    let mut program = audit(&database.url(login));
    program.arguments.extend(["--format".into(), "json".into()]);
    let ended = program.run().await;
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}{}", ended.out, ended.err))
}

/// Id, verdict and subject of each fact that is not OK.
fn facts(report: &Value) -> Vec<(String, String, String)> {
    let text = |fact: &Value, name: &str| fact[name].as_str().expect("a text").to_owned();
    let facts = report["facts"].as_array().expect("facts").iter();
    facts
        .filter(|fact| fact["verdict"] != "OK")
        .map(|fact| (text(fact, "id"), text(fact, "verdict"), text(fact, "subject")))
        .collect()
}

fn verdict(report: &Value, (id, subject): (&str, &str)) -> String {
    let of = facts(report).into_iter().find(|fact| fact.0 == id && fact.2 == subject);
    of.map_or_else(|| format!("no finding: {report:#}"), |(_, verdict, _)| verdict)
}

#[tokio::test]
async fn an_accepted_finding_is_shown_with_its_reason_and_fails_no_more() {
    let (database, admin) = damaged(TRUNCATE).await;
    let (failed, _) = psql_ends(&database, "postgres", &[]).await;
    accept(&admin, &TRUNCATE_FINDINGS, FOR_YEARS).await;

    let (code, psql) = psql_ends(&database, "postgres", &[]).await;
    let program = audit(&database.url("postgres")).run().await;

    assert_eq!((failed, code, program.code), (Some(3), Some(0), Some(0)), "{psql}{}", program.out);
    for (text, count) in [(psql, 1), (program.out, 1)] {
        let line = "ACCEPTED RK-503 grants      truncate on app.tasks to rowkeep_auditor: empties the table";
        assert!(text.contains(line), "{text}");
        assert_eq!(
            text.matches("\n                            accepted by postgres until 20").count(),
            count
        );
        assert!(
            text.contains(": the export needs it\n") && text.contains(&format!(", {count} ACCEPTED")),
            "{text}"
        );
        assert!(!text.contains("fix: revoke truncate"), "{text}");
    }
}

#[tokio::test]
async fn an_acceptance_that_has_expired_accepts_nothing_and_the_finding_says_so() {
    let (database, admin) = damaged(TRUNCATE).await;
    accept(&admin, &TRUNCATE_FINDINGS, UNTIL_LAST_WEEK).await;

    let (code, text) = psql_ends(&database, "postgres", &[]).await;

    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, Some(3), "{text}");
    assert!(words.contains("FAIL RK-503 grants truncate on app.tasks to rowkeep_auditor: empties"), "{text}");
    assert!(words.contains("no policy applies; it was accepted until 20"), "{text}");
}

#[tokio::test]
async fn the_last_day_of_an_acceptance_is_a_whole_day() {
    let (database, admin) = damaged(TRUNCATE).await;
    // If the day changes meanwhile, the last day may be tomorrow.
    accept(&admin, &TRUNCATE_FINDINGS, "((now() at time zone 'UTC') + interval '1 minute')::date").await;

    assert_eq!(psql_ends(&database, "postgres", &[]).await.0, Some(0));
}

#[tokio::test]
async fn an_acceptance_of_another_id_or_subject_accepts_nothing_and_is_a_note() {
    let (database, admin) = damaged(TRUNCATE).await;
    let others = [
        ("RK-502", "truncate on app.tasks to rowkeep_auditor"),
        ("RK-503", "truncate on app.tasks to somebody"),
        ("RK-503", "truncate on app.tasks"),
        ("RK-902", "index app.of_last_year exists, but is not declared"),
    ];
    accept(&admin, &others, "null").await;

    let found = report(&database, "postgres").await;

    for finding in TRUNCATE_FINDINGS {
        assert_eq!(verdict(&found, finding), "FAIL");
    }
    for (id, subject) in others {
        assert_eq!(verdict(&found, ("RK-922", &format!("{id} {subject}"))), "NOTE");
    }
}

/// psql looks for no drift and proves nothing, so that it cannot know whether such a finding is gone.
#[tokio::test]
async fn psql_does_not_say_that_an_accepted_difference_is_gone() {
    let (database, admin) = damaged("create index mine on app.tasks (updated_at)").await;
    let index = ("RK-902", "index app.mine exists, but is not declared");
    accept(&admin, &[index], "null").await;

    let (code, text) = psql_ends(&database, "postgres", &[]).await;

    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("RK-922"), "{text}");
    assert_eq!(verdict(&report(&database, "postgres").await, index), "ACCEPTED");
}

/// Each of these stops the server: the damage, and the finding that says so.
const REFUSED: [(&str, &str, &str); 18] = [
    ("alter table app.tasks no force row level security", "RK-301", "app.tasks"),
    ("drop policy fence on app.tasks", "RK-312", "app.tasks"),
    ("drop policy owner_only on app.tasks", "RK-313", "app.tasks"),
    ("alter function app.current_user_id() immutable", "RK-402", "app.current_user_id()"),
    ("comment on constraint tasks_title_blank on app.tasks is null", "RK-307", "tasks_title_blank"),
    ("alter table app.tasks disable trigger tasks_touch", "RK-321", "tasks_touch"),
    ("revoke delete on app.tasks from rowkeep_api", "RK-902", "grant of delete on table app.tasks"),
    (
        "create table app.orders (note text); grant insert (note) on app.orders to rowkeep_api",
        "RK-503",
        "insert on other table app.orders.note to rowkeep_api",
    ),
    (
        "create table app.posts (note text); grant select on app.posts to public",
        "RK-503",
        "select on other table app.posts to public",
    ),
    (
        "alter table app.tasks alter column user_id drop default",
        "RK-302",
        "app.tasks: user_id text collate \"C\" not null",
    ),
    ("alter table app.tasks alter column completed drop default", "RK-902", "column app.tasks.completed"),
    ("alter table app.tasks alter column id drop identity", "RK-902", "column app.tasks.id"),
    (
        "alter table app.tasks add column own_x integer not null",
        "RK-902",
        "column app.tasks.own_x exists, but is not declared",
    ),
    ("revoke execute on function app.cursor_key() from rowkeep_api", "RK-902", "function app.cursor_key()"),
    (
        "revoke execute on function app.identify(text) from rowkeep_api",
        "RK-902",
        "function app.identify(text)",
    ),
    ("revoke usage on schema app from rowkeep_api", "RK-902", "grant of usage on schema app"),
    ("alter collation app.letters rename to others", "RK-902", "collation app.letters is declared"),
    (
        "do $$ begin execute format('alter database %I set session_replication_role = replica', current_database()); end $$",
        "RK-511",
        "stores session_replication_role = replica",
    ),
];

#[tokio::test]
async fn what_the_server_refuses_cannot_be_accepted() {
    let damage = REFUSED.map(|(damage, ..)| damage).join("; ");
    // What else differs can be accepted.
    let (database, admin) = damaged(&format!("create index mine on app.tasks (updated_at); {damage}")).await;
    let before = facts(&report(&database, "postgres").await);
    let all: Vec<_> = before.iter().map(|(id, _, subject)| (id.as_str(), subject.as_str())).collect();
    accept(&admin, &all, "null").await;

    let after = report(&database, "postgres").await;

    for (damage, refused, about) in REFUSED {
        let of = before.iter().find(|fact| fact.0 == refused && fact.2.contains(about));
        let (_, old, subject) = of.unwrap_or_else(|| panic!("{damage}: {before:#?}"));
        assert_eq!(verdict(&after, (refused, subject)), *old, "{damage}");
        assert_eq!(verdict(&after, ("RK-921", &format!("{refused} {subject}"))), "NOTE", "{damage}");
    }
    let accepted = facts(&after).into_iter().filter(|fact| fact.1 == "ACCEPTED").count();
    assert!(accepted > 0, "{after:#}");
}

/// The list above is about the start, which nobody can accept away.
#[tokio::test]
#[ignore = "takes a minute: `make test-all`"]
async fn the_server_does_not_start_with_what_cannot_be_accepted() {
    for (damage, ..) in REFUSED {
        let (database, admin) = damaged(damage).await;
        let found = facts(&report(&database, "postgres").await);
        let all: Vec<_> = found.iter().map(|(id, _, subject)| (id.as_str(), subject.as_str())).collect();
        accept(&admin, &all, "null").await;

        let started = World::try_on(database, &[]).await;

        assert!(started.is_err(), "the server starts after {damage}");
    }
}

/// What another release has made differs from what this one declares, and the statements of drift would not go there.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_database_of_another_release_has_one_line_about_it_and_no_drift() {
    for (record, verdict) in [
        (format!("insert into rowkeep.policies (digest) values ('{}')", older_policies()), "FAIL"),
        ("insert into rowkeep.policies (digest) values ('of a release to come')".to_owned(), "NOTE"),
        ("insert into rowkeep.migrations (version, name) values (1000, 'to_come')".to_owned(), "NOTE"),
        ("delete from rowkeep.migrations where version = 9".to_owned(), "FAIL"),
    ] {
        let (database, admin) =
            damaged(&format!("create index mine on app.tasks (updated_at); {record}")).await;
        accept(&admin, &[("RK-902", "index app.gone exists, but is not declared")], "null").await;

        let found = facts(&report(&database, "postgres").await);

        let about: Vec<_> = found.iter().filter(|fact| fact.0.as_str() > "RK-9").collect();
        assert!(
            matches!(about.as_slice(), [(id, of, _)] if id == "RK-901" && of == verdict),
            "{record}: {found:#?}"
        );
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_changed_definition_is_another_finding() {
    let change = |body: &str| {
        format!("create or replace function app.extra() returns integer language sql as 'select {body}'")
    };
    let (database, admin) =
        damaged(&format!("{}; revoke execute on function app.extra() from public", change("1"))).await;
    let drift = |report: &Value| {
        let of = facts(report).into_iter().find(|fact| fact.2.starts_with("function app.extra() exists"));
        of.expect("a difference")
    };
    let (id, _, subject) = drift(&report(&database, "postgres").await);
    accept(&admin, &[(id.as_str(), subject.as_str())], "null").await;
    assert_eq!(drift(&report(&database, "postgres").await).1, "ACCEPTED");

    admin.batch_execute(&change("2")).await.expect("another function");

    assert_eq!(drift(&report(&database, "postgres").await).1, "FAIL");
}

#[tokio::test]
async fn another_condition_of_an_accepted_constraint_is_another_finding() {
    let rule = |condition: &str| {
        format!(
            "do $$ declare words text := obj_description(oid, 'pg_constraint') from pg_constraint
                    where conname = 'tasks_title_blank'; begin
               alter table app.tasks drop constraint tasks_title_blank;
               alter table app.tasks add constraint tasks_title_blank check ({condition}) not valid;
               execute format('comment on constraint tasks_title_blank on app.tasks is %L', words); end $$"
        )
    };
    let (database, admin) = damaged(&rule("title <> ' '")).await;
    let of = |report: &Value| {
        let found =
            facts(report).into_iter().filter(|fact| fact.2.contains("tasks_title_blank on app.tasks"));
        found.collect::<Vec<_>>()
    };
    let before = of(&report(&database, "postgres").await);
    let all: Vec<_> = before.iter().map(|(id, _, subject)| (id.as_str(), subject.as_str())).collect();
    accept(&admin, &all, "null").await;
    let accepted = of(&report(&database, "postgres").await);
    assert!(accepted.iter().all(|fact| fact.1 == "ACCEPTED") && accepted[0].0 == "RK-306", "{accepted:?}");

    admin.batch_execute(&rule("true")).await.expect("another condition");

    let after = of(&report(&database, "postgres").await);
    assert!(after.iter().any(|fact| fact.1 == "FAIL"), "{after:?}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn serving_logins_and_auditors_see_what_is_accepted_and_others_are_told_that_they_do_not() {
    let (database, admin) = damaged(TRUNCATE).await;
    let (auditor, nobody) = (format!("auditor_{}", database.name), format!("nobody_{}", database.name));
    let make = format!(
        "create role {auditor} login; grant rowkeep_auditor to {auditor}; create role {nobody} login"
    );
    admin.batch_execute(&make).await.expect("roles");
    accept(&admin, &TRUNCATE_FINDINGS, "null").await;

    for login in ["postgres", "rowkeep_login", &auditor] {
        let (code, text) = psql_ends(&database, login, &[]).await;

        assert_eq!(code, Some(0), "{login}: {text}");
        assert!(text.contains("accepted by postgres without end: the export needs it"), "{login}: {text}");
    }
    let (code, text) = psql_ends(&database, &nobody, &[]).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("NOTE     RK-923 accepted    rowkeep.accepted: not looked at: "), "{text}");
}

/// Such a role could accept what it has done.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn nothing_is_accepted_while_another_role_can_write_the_table() {
    for (grant, revoke, verdict) in [
        (
            "grant insert on rowkeep.accepted to rowkeep_api",
            "revoke insert on rowkeep.accepted from rowkeep_api",
            // The privilege is a FAIL of its own.
            "NOTE",
        ),
        (
            "grant update (until) on rowkeep.accepted to rowkeep_auditor",
            "revoke update (until) on rowkeep.accepted from rowkeep_auditor",
            "NOTE",
        ),
        (
            "alter table rowkeep.accepted owner to rowkeep_auditor",
            "alter table rowkeep.accepted owner to rowkeep_owner",
            "FAIL",
        ),
    ] {
        let (database, admin) = damaged(&format!("{TRUNCATE}; {grant}")).await;
        accept(&admin, &TRUNCATE_FINDINGS, "null").await;

        let (code, text) = psql_ends(&database, "postgres", &[]).await;

        assert_eq!(code, Some(3), "{grant}: {text}");
        let line =
            format!("{verdict}     RK-923 accepted    rowkeep.accepted: another role than rowkeep_owner can");
        assert!(text.contains(&line), "{text}");
        assert!(text.contains("fix: by hand: review each row"), "{text}");
        assert!(!text.contains("ACCEPTED RK"), "{grant}: {text}");
        admin.batch_execute(revoke).await.expect("as it should be");
        let (_, text) = psql_ends(&database, "postgres", &[]).await;
        assert!(text.contains("ACCEPTED RK-503"), "{revoke}: {text}");
    }
}

/// Such a member needs no privilege on the table.
#[tokio::test]
async fn a_member_of_pg_write_all_data_can_neither_accept_nor_change_what_is_accepted() {
    let (database, admin) = damaged(TRUNCATE).await;
    let writer = format!("writer_{}", database.name);
    let make = format!("create role {writer} login in role pg_write_all_data, rowkeep_auditor");
    admin.batch_execute(&make).await.expect("a login");
    accept(&admin, &[("RK-503", "select on app.tasks to nobody")], UNTIL_LAST_WEEK).await;
    let other = database.client(&writer).await;

    let insert = "insert into rowkeep.accepted (id, subject, why)
                  values ('RK-503', 'truncate on app.tasks to rowkeep_auditor', 'mine')";
    let inserted = state(other.batch_execute(insert).await);
    let updated = other.execute("update rowkeep.accepted set until = null", &[]).await;
    let deleted = other.execute("delete from rowkeep.accepted", &[]).await;

    assert_eq!(inserted, "42501");
    assert_eq!((updated.ok(), deleted.ok()), (Some(0), Some(0)));
    let seen = texts(&other, "select subject from rowkeep.accepted").await;
    assert_eq!(seen, ["select on app.tasks to nobody"], "an auditor does not see it");
    let found = report(&database, "postgres").await;
    assert_eq!(TRUNCATE_FINDINGS.map(|finding| verdict(&found, finding)), ["FAIL"]);
}

/// Another role can write a child table, and a query of the parent has its rows as well.
#[tokio::test]
async fn rows_of_a_child_table_accept_nothing() {
    let (database, admin) =
        damaged(&format!("{TRUNCATE}; create table rowkeep.kid () inherits (rowkeep.accepted)")).await;
    for (id, subject) in TRUNCATE_FINDINGS {
        let insert = "insert into rowkeep.kid (id, subject, why) values ($1, $2, 'planted')";
        admin.execute(insert, &[&id, &subject]).await.expect("a row");
    }

    let found = report(&database, "postgres").await;

    assert_eq!(TRUNCATE_FINDINGS.map(|finding| verdict(&found, finding)), ["FAIL"]);
}

/// Two subjects that print alike would be accepted together.
#[tokio::test]
async fn a_subject_with_other_letters_is_printed_so_that_it_can_be_accepted() {
    let (database, admin) = damaged(r#"create view public.U&"v\00E4\000A\\" as select from app.tasks"#).await;
    let view = || async {
        let all = facts(&report(&database, "postgres").await);
        all.into_iter().find(|fact| fact.0 == "RK-802").expect("a view")
    };
    let (id, verdict, subject) = view().await;
    assert_eq!(verdict, "FAIL");
    assert!(subject.starts_with(r#"view public."v\00e4\000a\005c""#), "{subject}");

    accept(&admin, &[(id.as_str(), subject.as_str())], "null").await;

    assert_eq!(view().await.1, "ACCEPTED");
}

#[tokio::test]
async fn a_database_of_an_older_release_is_audited_without_the_table() {
    let (database, _) = damaged("drop function app.accepted(); drop table rowkeep.accepted").await;

    let (code, text) = psql_ends(&database, "postgres", &[]).await;

    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains(" accepted "), "{text}");
}

/// A function that reads them fails then, and would end the audit.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_damaged_history_does_not_stop_the_audit() {
    for damage in [
        "alter table rowkeep.migrations rename column version to number",
        "alter table rowkeep.policies owner to rowkeep_auditor",
        "drop table rowkeep.policies",
        "alter table rowkeep.accepted drop column why",
        "drop schema rowkeep cascade",
        "drop schema app cascade",
    ] {
        let (database, _) = damaged(damage).await;

        let (_, text) = psql_ends(&database, "postgres", &[]).await;

        assert!(text.lines().last().is_some_and(|line| line.contains(" facts: ")), "{damage}: {text}");
    }
}

/// The definition of the function is not what this release made, and the audit may run as a superuser.
#[tokio::test]
async fn a_changed_function_for_what_is_accepted_is_not_called() {
    let (database, _) = damaged(
        "create or replace function app.accepted() returns setof rowkeep.accepted language plpgsql as \
         'begin raise exception ''called''; end'",
    )
    .await;

    let (code, text) = psql_ends(&database, "postgres", &[]).await;

    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("NOTE     RK-923 accepted    rowkeep.accepted: not looked at"), "{text}");
}

#[tokio::test]
async fn the_start_of_the_server_does_not_warn_of_what_is_accepted() {
    let (database, admin) = damaged(TRUNCATE).await;
    accept(&admin, &TRUNCATE_FINDINGS, "null").await;

    let world = World::on(database, &[]).await;

    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
    let warned = world.server.log().into_iter().filter(|line| line.contains("`rowkeep audit` fails"));
    assert_eq!(warned.collect::<Vec<_>>(), [""; 0]);
}

/// A company's own trigger writes a journal elsewhere. The server starts with it.
#[tokio::test]
async fn a_failure_that_does_not_stop_the_server_can_be_accepted() {
    let (database, admin) = damaged(
        "create function public.journal() returns trigger language plpgsql as 'begin return new; end';
         create trigger journal before insert on app.tasks for each row execute function public.journal()",
    )
    .await;
    let before = facts(&report(&database, "postgres").await);
    let trigger = before.iter().find(|fact| fact.0 == "RK-321" && fact.1 == "FAIL").expect("a trigger");
    let trigger = (trigger.0.as_str(), trigger.2.as_str());
    assert!(trigger.1.starts_with("journal on app.tasks calls public.journal() (definition "), "{trigger:?}");
    let about_it = before.iter().filter(|fact| fact.1 == "FAIL" && fact.2.contains("journal")).count();
    assert_eq!(about_it, 1, "one cause is one FAIL: {before:#?}");

    accept(&admin, &[trigger], "null").await;

    assert_eq!(verdict(&report(&database, "postgres").await, trigger), "ACCEPTED");
    // Another body of the function is another finding.
    let change = "create or replace function public.journal() returns trigger language plpgsql as 'begin return old; end'";
    admin.batch_execute(change).await.expect("a change");
    let after = report(&database, "postgres").await;
    let fails = facts(&after).into_iter().any(|fact| fact.0 == "RK-321" && fact.1 == "FAIL");
    assert!(fails, "{after:#}");
}
