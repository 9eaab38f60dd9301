//! Tables and schemas of other programs in the place of Rowkeep's: they stop the service only if requests can reach them.

use rowkeep::audit::{Report, audit, lost_objects};
use rowkeep::schema;

use super::serving::{refusal_after, start};
use super::support::{creates, texts};
use crate::world::{Database, OwnCluster, World};

/// Makes these objects in a migrated database, as the superuser.
async fn with(objects: &str) -> Database {
    let database = Database::new().await;
    database
        .superuser()
        .await
        .batch_execute(objects)
        .await
        .unwrap_or_else(|error| panic!("{objects}: {error:?}"));
    database
}

/// The facts that fail, without those about the roles of other tests in the same cluster.
fn failing(report: &Report) -> Vec<String> {
    report.failing().into_iter().filter(|fact| !fact.contains("_test_")).collect()
}

/// The report without line breaks.
fn text(report: &Report) -> String {
    report.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Objects in app that requests cannot reach.
const UNREACHABLE: [&str; 5] = [
    "create table app.tasks_old as table app.tasks",
    // A constraint without a comment, and a sequence.
    "create table app.orders (id serial primary key, note text check (note <> '')); create index on app.orders (note)",
    "create table app.orders (user_id text, id int); alter table app.orders enable row level security;
     create policy lax on app.orders using (true)",
    "create materialized view app.counts as select 1 as one; create type app.mood as enum ('fine')",
    "create extension pgcrypto schema app; create extension pg_trgm schema app",
];

#[tokio::test]
async fn a_server_starts_beside_objects_that_requests_cannot_reach() {
    for objects in UNREACHABLE {
        let database = with(objects).await;

        let started = start(&database.address("rowkeep_login")).await;

        assert!(started.is_ok(), "{objects}: {:?}", started.err());
    }
}

#[tokio::test]
async fn health_is_good_beside_a_table_that_requests_cannot_reach() {
    let world = World::new().await;
    let copy = "create table app.tasks_old as table app.tasks";
    world.database.superuser().await.batch_execute(copy).await.expect("a copy");

    let health = world.anonymous().get("/health").await;

    assert_eq!(health.status(), 200, "{health:?}");
}

#[tokio::test]
async fn a_table_that_requests_can_reach_is_refused_by_its_name() {
    for grant in [
        "grant select on app.orders to rowkeep_api",
        "grant update (note) on app.orders to rowkeep_api",
        "grant truncate on app.orders to rowkeep_api",
        "grant select on app.orders to public",
        "grant insert (note) on app.orders to public",
    ] {
        let refused = refusal_after(&format!("create table app.orders (id int, note text); {grant}")).await;

        assert!(refused.contains("app.orders: requests can reach it"), "{grant}: {refused}");
    }
}

/// Roles belong to the whole cluster, so each login has a name of its own.
#[tokio::test]
async fn a_table_that_the_login_of_requests_can_reach_is_refused_by_its_name() {
    let database = with("create table app.orders (id int, note text)").await;
    let (login, group) = (format!("login_{}", database.name), format!("group_{}", database.name));
    let make = format!(
        "create role {group}; create role {login} login; grant rowkeep_api, {group} to {login};
         grant select (note) on app.orders to {group}"
    );
    database.superuser().await.batch_execute(&make).await.expect("a login");

    let refused = start(&database.address(&login)).await.err().expect("a refusal");
    let other = start(&database.address("rowkeep_login")).await;

    assert!(refused.contains("app.orders: requests can reach it"), "{refused}");
    assert!(other.is_ok(), "{:?}", other.err());
}

/// A framework makes its tables with the login that serves as well: `DATABASE_URL` of both programs is the same.
#[tokio::test]
async fn a_server_starts_beside_a_table_that_its_login_owns() {
    let database = with("create table app.orders (id int, note text)").await;
    let login = format!("framework_{}", database.name);
    let make = format!(
        "create role {login} login; create role reader_{login}; grant rowkeep_api to {login}; \
         alter table app.orders owner to {login}; grant select on app.orders to reader_{login}"
    );
    database.superuser().await.batch_execute(&make).await.expect("a login");

    for login in [login.as_str(), "postgres"] {
        let started = start(&database.address(login)).await;

        assert!(started.is_ok(), "{login}: {:?}", started.err());
    }
}

#[tokio::test]
async fn the_audit_counts_the_objects_of_others_in_one_note() {
    let objects = UNREACHABLE[1..].join(";").replacen(
        "create table app.orders (user_id",
        "create table app.posts (user_id",
        1,
    );
    let objects = objects.replace("alter table app.orders enable", "alter table app.posts enable");
    let database = with(&objects.replace("lax on app.orders", "lax on app.posts")).await;

    let report = audit(&database.address("postgres")).await.expect("a report");

    assert_eq!(failing(&report), [""; 0], "{report}");
    let text = text(&report);
    let note = "objects in app that are not of Rowkeep (4): app.counts, app.orders, app.posts, type app.mood";
    assert!(text.contains(note) && text.matches("app.orders").count() == 1, "{text}");
}

#[tokio::test]
async fn the_audit_fails_a_copy_of_the_tasks_by_its_name() {
    let database = with("create table app.tasks_old as table app.tasks").await;

    let report = audit(&database.address("postgres")).await.expect("a report");

    let failing = failing(&report);
    assert!(
        failing.len() == 1 && failing[0].contains("app.tasks_old has every column of app.tasks"),
        "{report}"
    );
    assert_eq!(text(&report).matches("app.tasks_old").count(), 1, "{report}");
}

/// Nor is schema rowkeep a place for it.
#[tokio::test]
async fn the_audit_fails_a_copy_of_the_tasks_in_the_schema_of_the_history() {
    let database = with("create table rowkeep.tasks_old as table app.tasks").await;

    let report = audit(&database.address("postgres")).await.expect("a report");

    let failing = failing(&report);
    assert!(
        failing.len() == 1 && failing[0].contains("rowkeep.tasks_old has every column of app.tasks"),
        "{report}"
    );
}

/// Some columns are enough, and so is a policy that shows every row.
#[tokio::test]
async fn the_audit_fails_a_copy_of_some_columns_and_one_with_other_policies() {
    let policies = "enable row level security, force row level security; create policy own on app";
    let database = with(&format!(
        "create table app.part as select user_id, title from app.tasks; grant select on app.part to pg_monitor;
         create table app.more as select *, 1 as extra from app.tasks;
         alter table app.more {policies}.more using (true);
         create table app.kept as table app.tasks;
         alter table app.kept {policies}.kept using (user_id = app.current_user_id());
         create table app.todos (id int, user_id int, title text, completed boolean)"
    ))
    .await;

    let report = audit(&database.address("postgres")).await.expect("a report");

    let failing = failing(&report);
    let fails = |copy: &str| failing.iter().any(|fact| fact.contains(copy));
    assert!(
        failing.len() == 2
            && fails("app.part has the columns user_id, title of app.tasks; read by pg_monitor"),
        "{report}"
    );
    assert!(fails("app.more has every column of app.tasks; nobody but its owner reads it"), "{report}");
    let text = text(&report);
    assert!(text.contains("app.todos has the columns id, user_id, title, completed of app.tasks"), "{text}");
    assert!(text.contains("objects in app that are not of Rowkeep (1): app.kept: "), "{text}");
}

/// A framework has functions beside its tables. They run as its login, which reaches no row of Rowkeep.
#[tokio::test]
async fn the_audit_counts_the_functions_of_another_program_with_its_tables() {
    let database = with("create table app.orders (id int)").await;
    let framework = format!("shop_{}", database.name);
    let make = format!(
        "create role {framework} login; alter table app.orders owner to {framework};
         create function app.touch() returns trigger language plpgsql as $$ begin return new; end $$;
         create function app.visible(int) returns boolean language sql security definer as 'select true';
         alter function app.touch() owner to {framework}; alter function app.visible(int) owner to {framework};
         create trigger touch before update on app.orders for each row execute function app.touch()"
    );
    database.superuser().await.batch_execute(&make).await.expect("another program");

    let report = audit(&database.address("postgres")).await.expect("a report");

    assert_eq!(failing(&report), [""; 0], "{report}");
    let text = text(&report);
    let note = "objects in app that are not of Rowkeep (3): app.orders, function app.touch(), function app.visible(integer): \
                requests have no privilege on its tables, and may call its functions";
    assert!(text.contains(note) && !text.contains("owner to rowkeep_owner"), "{text}");
    assert!(start(&database.address("rowkeep_login")).await.is_ok());
}

#[tokio::test]
async fn the_audit_fails_a_function_in_app_that_shows_rows_of_all_users() {
    let database = with("create table app.orders (id int)").await;
    let owner = format!("shop_{}", database.name);
    let make = format!(
        "create role {owner} login in role rowkeep_owner;
         create function app.titles() returns setof text language sql security definer as 'select title from app.tasks';
         alter function app.titles() owner to {owner};
         create function app.peek() returns setof text language sql security definer as 'select title from app.tasks'"
    );
    database.superuser().await.batch_execute(&make).await.expect("two functions");

    let report = audit(&database.address("postgres")).await.expect("a report");

    let text = text(&report);
    let titles = format!(
        "FAIL RK-412 function app.titles() runs as {owner} (SECURITY DEFINER), and public may execute it"
    );
    assert!(text.contains(&titles) && text.matches("app.titles()").count() == 2, "{report}");
    assert!(
        text.contains("FAIL RK-411 function app.peek() is SECURITY DEFINER: it runs as its owner"),
        "{report}"
    );
    assert!(!text.contains("alter routine app.titles() owner to rowkeep_owner"), "{report}");
}

/// Nobody should give away the schema of another program.
#[tokio::test]
async fn the_audit_of_a_database_of_another_program_does_not_give_its_schema_away() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin
        .batch_execute("create role app login; create schema app authorization app")
        .await
        .expect("a schema");
    admin.batch_execute("create table app.tasks (id int, title text)").await.expect("a table");

    let report = audit(&cluster.address("postgres", "postgres")).await.expect("a report");

    let text = text(&report);
    assert!(text.contains("app is owned by app: its owner can replace what is in it fix: by hand: if it is of another program"), "{text}");
    assert!(
        text.contains("the database has not been migrated") && !text.contains("alter schema app owner"),
        "{text}"
    );
}

/// PostgreSQL reads U&"..." as the name with the characters that a report cannot show.
#[tokio::test]
async fn a_fix_with_a_name_outside_ascii_can_be_run() {
    let role = |database: &Database| format!("m\u{fc}ller \u{1f600}\n{}", database.name);
    let database = Database::new().await;
    let admin = database.superuser().await;
    let make = format!("create role \"{0}\"; grant truncate on app.tasks to \"{0}\"", role(&database));
    admin.batch_execute(&make).await.expect("a privilege");
    let address = database.address("postgres");
    let fix = |report: &Report| {
        let fact = report
            .facts
            .iter()
            .find(|fact| fact.subject.starts_with("truncate on app.tasks"))
            .map(|fact| fact.fix.clone());
        fact.map(|fix| fix.expect("a fix"))
    };

    let before = fix(&audit(&address).await.expect("a report")).expect("a finding");
    admin.batch_execute(&before).await.unwrap_or_else(|error| panic!("{before}: {error:?}"));

    assert!(before.contains(r#"from U&"m\00fcller \+01f600\000a"#) && before.is_ascii(), "{before}");
    assert_eq!(fix(&audit(&address).await.expect("a report")), None);
    admin.batch_execute(&format!("drop role \"{}\"", role(&database))).await.expect("no role");
}

/// What users add for Rowkeep has privileges for requests, and is checked in full.
#[tokio::test]
async fn the_audit_checks_and_attacks_a_table_that_was_added_for_requests() {
    let objects = "create table app.notes (user_id text not null default app.current_user_id(), note text);
                   grant select on app.notes to rowkeep_api";
    let database = with(objects).await;

    let report = audit(&database.address("postgres")).await.expect("a report");
    let report = text(&report);

    for expected in ["app.notes: row security NOT enabled", "app.notes has no fence", "proof app.notes: "] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
}

#[tokio::test]
async fn the_audit_fails_each_privilege_on_a_table_of_another_program_once() {
    let database =
        with("create table app.orders (id int primary key); grant select on app.orders to rowkeep_api").await;

    let report = audit(&database.address("postgres")).await.expect("a report");

    let failing = failing(&report);
    assert!(
        failing.len() == 1 && failing[0].contains("select on other table app.orders to rowkeep_api"),
        "{report}"
    );
    assert!(text(&report).contains("fix: revoke select on app.orders from rowkeep_api cascade;"), "{report}");
}

#[tokio::test]
async fn applying_the_policies_leaves_a_table_of_another_program_as_it_is() {
    let database = with("create table app.orders (id int, note text)").await;
    let (framework, reader) = (format!("shop_{}", database.name), format!("reader_{}", database.name));
    let make = format!(
        "create role {framework} login; create role {reader}; alter table app.orders owner to {framework};
         alter table app.orders enable row level security; create policy lax on app.orders using (true);
         grant select on app.orders to {reader}, public"
    );
    let admin = database.superuser().await;
    admin.batch_execute(&make).await.expect("a table of another program");

    schema::migrate(&database.address("postgres"), true).await.expect("the policies");

    let state =
        "select format('%s %s', relowner::regrole, relacl) from pg_class where oid = 'app.orders'::regclass
                 union all select polname::text from pg_policy where polrelid = 'app.orders'::regclass";
    let kept = texts(&admin, state).await;
    assert!(kept[0].contains(&format!("{reader}=r/")) && kept[0].starts_with(&framework), "{kept:?}");
    assert!(!kept[0].contains("{=r") && !kept[0].contains(",=r") && kept[1] == "lax", "{kept:?}");
}

/// A privilege on a table is of no use without USAGE of its schema.
#[tokio::test]
async fn applying_the_policies_leaves_another_program_its_way_to_its_tables() {
    let database = with("create table app.orders (id int, note text)").await;
    let [framework, group, reader, other, requests] =
        ["shop", "shops", "reader", "other", "requests"].map(|role| format!("{role}_{}", database.name));
    let make = format!(
        "create role {group}; create role {framework} in role {group}; create role {reader}; create role {other};
         create role {requests} in role rowkeep_api; alter table app.orders owner to {framework};
         grant select (note) on app.orders to {reader}; grant select on app.orders to {requests};
         grant usage, create on schema app to {group}; grant usage on schema app to {reader}, {other}, {requests}"
    );
    let admin = database.superuser().await;
    admin.batch_execute(&make).await.expect("a table of another program");

    schema::migrate(&database.address("postgres"), true).await.expect("the policies");

    let use_it = format!(
        "set role {framework}; insert into app.orders values (1, 'hers'); set role {reader}; select note from app.orders"
    );
    admin.batch_execute(&use_it).await.expect("the privileges of another program");
    admin.batch_execute("reset role").await.expect("the superuser");
    let grants = "select format('%s %s', a.grantee::regrole, a.privilege_type)
                    from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'app' and a.grantee <> n.nspowner order by 1";
    let mut expected = [
        format!("{group} USAGE"),
        format!("{reader} USAGE"),
        "rowkeep_api USAGE".into(),
        "rowkeep_auditor USAGE".into(),
    ];
    expected.sort();
    let mut found = texts(&admin, grants).await;
    found.sort();
    assert_eq!(found, expected);
}

/// Such a login can neither drop the policies of the other program nor revoke what it granted.
#[tokio::test]
async fn a_migrating_login_applies_the_policies_beside_a_table_of_another_owner() {
    let database =
        with("create table app.orders (id int); alter table app.orders enable row level security").await;
    let [login, requests] = ["migrator", "requests"].map(|role| format!("{role}_{}", database.name));
    let make = format!(
        "create role {login} login; grant rowkeep_owner, rowkeep_api to {login};
         create role {requests} login in role rowkeep_api; alter database {} owner to {login};
         create policy lax on app.orders using (true); grant select on app.orders to pg_monitor, {requests}",
        database.name
    );
    database.superuser().await.batch_execute(&make).await.expect("a login");

    let migrated = schema::migrate(&database.address(&login), true).await;

    assert!(migrated.is_ok_and(|migrated| migrated.policies));
}

#[tokio::test]
async fn a_trigger_that_does_not_run_is_refused_with_the_statement_for_it() {
    for damage in [
        "alter table app.tasks disable trigger tasks_touch",
        "alter table app.tasks disable trigger all",
        "alter table app.tasks enable replica trigger tasks_touch",
        "drop trigger tasks_touch on app.tasks",
    ] {
        let database = with(damage).await;
        let address = database.address("rowkeep_login");

        let refused = start(&address).await.err().unwrap_or_else(|| panic!("a server starts after {damage}"));

        assert!(refused.starts_with("trigger tasks_touch of app.tasks: "), "{damage}: {refused}");
        let statement = refused.find("ALTER TABLE").or(refused.find("CREATE TRIGGER")).expect("a statement");
        database
            .superuser()
            .await
            .batch_execute(&refused[statement..])
            .await
            .expect("the statement of the message");
        let started = start(&address).await;
        assert!(started.is_ok(), "{damage}: {:?}", started.err());
    }
}

#[tokio::test]
async fn health_fails_while_a_trigger_is_disabled_and_the_log_has_the_statement() {
    let world = World::new().await;
    let disable = "alter table app.tasks disable trigger tasks_touch";
    world.database.superuser().await.batch_execute(disable).await.expect("a disabled trigger");

    let health = world.anonymous().get("/health").await;

    assert_eq!(health.status(), 503, "{health:?}");
    let event = world.server.logs(|event| event["message"] == "unhealthy").await;
    let problem = event["error.message"].as_str().expect("a problem");
    assert!(problem.contains("ALTER TABLE app.tasks ENABLE TRIGGER tasks_touch;"), "{problem}");
}

#[tokio::test]
async fn a_login_for_which_no_trigger_runs_is_refused() {
    let database = Database::new().await;
    let login = format!("replica_{}", database.name);
    let make = format!(
        "create role {login} login; grant rowkeep_api to {login};
         alter role {login} in database {} set session_replication_role = replica",
        database.name
    );
    database.superuser().await.batch_execute(&make).await.expect("a login");

    let refused = start(&database.address(&login)).await.err().expect("a refusal");

    assert!(refused.contains("RESET session_replication_role"), "{refused}");
}

#[tokio::test]
async fn what_makes_every_create_fail_is_refused_by_its_name() {
    for (damage, named) in [
        ("revoke insert (title) on app.tasks from rowkeep_api", "INSERT (title) of app.tasks: "),
        ("revoke update (completed) on app.tasks from rowkeep_api", "UPDATE (completed) of app.tasks: "),
        ("revoke delete on app.tasks from rowkeep_api", "DELETE of app.tasks: "),
        ("alter table app.tasks add column priority int not null", "column priority of app.tasks: "),
        ("alter table app.tasks alter column id drop identity", "column id of app.tasks: "),
    ] {
        let database = with(damage).await;

        let refused = start(&database.address("rowkeep_login")).await.err();

        assert!(refused.as_ref().is_some_and(|refused| refused.starts_with(named)), "{damage}: {refused:?}");
    }
}

#[tokio::test]
async fn a_column_that_a_dba_added_with_a_default_is_no_obstacle() {
    let database =
        with("alter table app.tasks add column priority int not null default 0, add column note text").await;

    let started = start(&database.address("rowkeep_login")).await;

    assert!(started.is_ok(), "{:?}", started.err());
    creates(&database.client("rowkeep_login").await, "alice", "hers").await;
}

/// Everything that a refused migration could leave behind. Roles belong to the whole cluster, so the test starts its own.
const STATE: &str = "
    select 'role ' || rolname from pg_roles where rolname like 'rowkeep%'
    union all select format('schema %s of %s', nspname, nspowner::regrole) from pg_namespace where nspname !~ '^pg_'
    union all select oid::regclass::text from pg_class where relnamespace in (select oid from pg_namespace where nspname !~ '^pg_')
                                                         and oid >= 16384
    order by 1";

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_schema_of_another_program_stops_a_migration_with_the_way_out_and_nothing_is_left() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role app login; create role weak login createrole").await.expect("a login");
    for (number, (schema, made, named)) in [
        ("app", "create schema app authorization app", "is empty. To make room: DROP SCHEMA app;"),
        (
            "app",
            "create schema app authorization app; set role app; create table users (id int)",
            "holds table app.users",
        ),
        (
            "app",
            "create schema app; create table app.tasks (id int, title text)",
            "belongs to the role postgres",
        ),
        ("app", "create schema app; create extension pgcrypto schema app", " more."),
        (
            "rowkeep",
            "create schema rowkeep authorization app; create table rowkeep.migrations (id int)",
            "table rowkeep.migrations",
        ),
        (
            "rowkeep",
            "create schema rowkeep authorization app; create table rowkeep.migrations as select 1 as id",
            "table rowkeep.migrations",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let database = format!("db{number}");
        admin.batch_execute(&format!("create database {database}")).await.expect("a database");
        let there = cluster.superuser(&database).await;
        there.batch_execute(made).await.unwrap_or_else(|error| panic!("{made}: {error:?}"));
        there.batch_execute("reset role").await.expect("the superuser");
        let before = texts(&there, STATE).await;

        let refused = schema::migrate(&cluster.address("postgres", &database), false).await;

        let refused = refused.expect_err(made).to_string();
        let whose = format!("has a schema {schema} that Rowkeep did not make");
        assert!(refused.contains(&whose) && refused.contains(named), "{made}: {refused}");
        assert!(refused.contains("give Rowkeep a database of its own: CREATE DATABASE"), "{made}: {refused}");
        let lost = lost_objects(&cluster.address("postgres", &database)).await.map(|lost| lost.to_string());
        assert!(lost.is_none() && !refused.contains("restore the whole dump"), "{made}: {refused}\n{lost:?}");
        assert_eq!(texts(&there, STATE).await, before, "{made}");
    }

    // A login that may make roles and no schema leaves no role.
    let refused = schema::migrate(&cluster.address("weak", "postgres"), false)
        .await
        .expect_err("a refusal")
        .to_string();
    assert!(refused.contains("weak may not create schemas in the database postgres"), "{refused}");
    assert_eq!(
        texts(&admin, "select rolname::text from pg_roles where rolname like 'rowkeep%'").await,
        [""; 0]
    );
}

/// PostgreSQL looks for a schema of the login's name first, so an unqualified table goes to app.
#[tokio::test]
async fn a_program_whose_login_is_called_app_does_not_stop_the_service() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role app login createrole").await.expect("a login");
    admin.batch_execute("create database tasks owner app").await.expect("a database");
    let address = cluster.address("app", "tasks");
    schema::migrate(&address, false).await.expect("a migrated database");

    let framework = rowkeep::session::connect_once(&address).await.expect("a connection");
    let tables = "create table users (id serial primary key, email text unique check (email like '%@%'));
                  create table posts (id serial primary key, author int references users)";
    framework.batch_execute(tables).await.expect("tables of a framework");

    assert_eq!(
        texts(&framework, "select schemaname::text from pg_tables where tablename = 'posts'").await,
        ["app"]
    );
    let started = start(&address).await;
    assert!(started.is_ok(), "{:?}", started.err());
    schema::migrate(&address, true).await.expect("the policies");
    framework.batch_execute("insert into users (email) values ('a@b')").await.expect("its own table");
    let report = audit(&address).await.expect("a report");
    let report = text(&report);
    assert!(report.contains("objects in app that are not of Rowkeep (2): app.posts, app.users"), "{report}");
}
