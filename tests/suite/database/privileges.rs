//! What the role of requests may not do at all, and what it may do in vain.

use super::support::{Home, begin_as, files, state, texts};

#[tokio::test]
async fn what_is_not_granted_is_refused() {
    let home = Home::new().await;
    let [alices, _] = home.alices;
    let refused = [
        "truncate app.tasks",
        "insert into app.tasks (user_id, title) values ('alice', 'x')",
        "insert into app.tasks (user_id, title) values ('bob', 'x')",
        "insert into app.tasks (user_id, title) values (default, 'x')",
        "insert into app.tasks (title, created_at) values ('x', now())",
        "insert into app.tasks (title, updated_at) values ('x', now())",
        "insert into app.tasks (id, title) overriding system value values (7, 'x')",
        "insert into app.tasks (id, title) overriding user value values (7, 'x')",
        "update app.tasks set user_id = 'alice'",
        "update app.tasks set user_id = user_id",
        "update app.tasks set id = default",
        "update app.tasks set created_at = now()",
        "update app.tasks set updated_at = now()",
        "insert into app.tasks (title) values ('x') on conflict (user_id, id) do update set user_id = 'alice'",
        "select nextval('app.tasks_id_seq')",
        "select setval('app.tasks_id_seq', 1)",
        "select last_value from app.tasks_id_seq",
        "select from pg_statistic",
        "table rowkeep.migrations",
        "table rowkeep.policies",
        "insert into rowkeep.policies (digest) values ('x')",
        "copy (select 1) to program 'true'",
        "copy app.tasks to '/tmp/rowkeep'",
    ];
    let before = (home.stored("alice").await, home.stored("bob").await);

    for sql in refused {
        assert_eq!(home.bob_runs(sql).await, "42501", "{sql}");
    }
    for columns in ["(id, title)", "(user_id, id, title)"] {
        let values = if columns.contains("user") { "'alice', " } else { "" };
        let take = format!(
            "insert into app.tasks {columns} overriding system value values ({values}{alices}, 'mine')
             on conflict (user_id, id) do update set title = 'mine'"
        );
        assert_eq!(home.bob_runs(&take).await, "42501", "{take}");
    }
    // feature_not_supported: with row security there is no COPY FROM.
    assert_eq!(home.bob_runs("copy app.tasks (title) from stdin").await, "0A000");

    assert_eq!((home.stored("alice").await, home.stored("bob").await), before);
}

#[tokio::test]
async fn nothing_of_the_schema_can_be_made_changed_or_dropped() {
    let home = Home::new().await;
    let refused = [
        "create table app.mine (id int)",
        "create view app.mine as table app.tasks",
        "create materialized view app.mine as table app.tasks",
        "create function app.mine() returns int language sql return 1",
        "create function public.mine() returns int language sql return 1",
        "create table public.mine (id int)",
        "create schema mine",
        "create index on app.tasks (title)",
        "create policy mine on app.tasks using (true)",
        "alter policy fence on app.tasks using (true)",
        "drop policy fence on app.tasks",
        "create trigger mine before insert on app.tasks for each row execute function app.tasks_touch()",
        "create rule mine as on insert to app.tasks do also select 1",
        "alter table app.tasks disable row level security",
        "alter table app.tasks no force row level security",
        "alter table app.tasks disable trigger all",
        "alter table app.tasks owner to rowkeep_api",
        "alter table app.tasks add column mine text",
        "drop table app.tasks",
        "comment on table app.tasks is ''",
        "comment on constraint tasks_title_blank on app.tasks is ''",
        "create or replace function app.current_user_id() returns text language sql return 'alice'",
        "alter function app.current_user_id() immutable",
        "drop function app.identify(text)",
        "alter schema app owner to rowkeep_api",
        "create event trigger mine on ddl_command_end execute function app.tasks_touch()",
        "create publication mine for table app.tasks",
        "create extension pg_trgm",
        "alter default privileges for role rowkeep_owner grant select on tables to rowkeep_api",
        "set session_replication_role = replica",
        "set role rowkeep_owner",
        "set role rowkeep_auditor",
        "set session authorization postgres",
        "create role mine",
        "alter role rowkeep_api bypassrls",
        "grant rowkeep_owner to rowkeep_api",
        "alter role rowkeep_login set app.user_id = 'alice'",
        "alter database postgres set app.user_id = 'alice'",
        "alter system set row_security = off",
    ];

    for sql in refused {
        let outcome = home.bob_runs(sql).await;
        // active_sql_transaction comes before the question of rights for what cannot stand in one, and so does
        // feature_not_supported for an extension that is not installed.
        assert!(["42501", "25001", "0A000"].contains(&outcome.as_str()), "{sql}: {outcome}");
    }
}

/// Nothing is granted that could not be passed on: there is no privilege, so a GRANT is a warning and no grant.
#[tokio::test]
async fn no_privilege_can_be_passed_on() {
    let home = Home::new().await;
    let acl = "select coalesce(relacl::text, '') from pg_class where oid = 'app.tasks'::regclass";
    let before = texts(&home.admin, acl).await;

    home.bob_runs("grant select on app.tasks to public").await;
    home.bob_runs("grant all on app.tasks to rowkeep_auditor").await;

    assert_eq!(texts(&home.admin, acl).await, before);
}

/// A table of one's own with the same name is never the one that a question means.
#[tokio::test]
async fn a_temporary_table_of_the_same_name_catches_no_question() {
    let home = Home::new().await;
    let shadow = "create temp table tasks (like app.tasks); set local search_path = pg_temp, app";

    begin_as(&home.login, "bob").await;
    home.login.batch_execute(shadow).await.expect("a shadow");
    let mut questions = files("sql/tasks").into_iter();
    let (_, create) = questions.find(|(name, _)| name == "create").expect("a question that creates");
    home.login.query(&create, &[&"mine", &None::<String>]).await.expect("a task");

    assert_eq!(texts(&home.login, "select title from pg_temp.tasks").await, [""; 0]);
    assert_eq!(texts(&home.login, "select title from app.tasks where title = 'mine'").await, ["mine"]);
}

/// DELETE on the table carries the right to lock it: bounded by the login's time-outs, and no way to a row.
#[tokio::test]
async fn a_lock_on_the_table_shows_and_changes_nothing() {
    let home = Home::new().await;

    begin_as(&home.login, "bob").await;
    home.login.batch_execute("lock table app.tasks in access exclusive mode").await.expect("a lock");
    let owners = texts(&home.login, "select user_id from app.tasks").await;

    assert_eq!(owners, ["bob", "bob"]);
}

#[tokio::test]
async fn another_users_task_can_not_be_referenced() {
    let home = Home::new().await;
    let role = format!("builder_{}", home.database.name);
    let make = format!(
        "create role {role} login; grant rowkeep_api to {role};
         create schema {role} authorization {role}"
    );
    home.admin.batch_execute(&make).await.expect("a schema of one's own");
    let client = home.database.client(&role).await;

    let table = format!(
        "create table {role}.notes (user_id text, id bigint, foreign key (user_id, id) references app.tasks)"
    );
    let outcome = client.batch_execute(&table).await;

    assert_eq!(state(outcome), "42501");
}

#[tokio::test]
async fn leaving_the_role_gains_nothing() {
    let home = Home::new().await;

    for leave in ["reset role", "set role none", "reset all", "discard all", "reset session authorization"] {
        let client = home.database.client("rowkeep_login").await;
        client.batch_execute(leave).await.expect(leave);
        assert_eq!(texts(&client, "select user_id from app.tasks").await, [""; 0], "{leave}");

        begin_as(&client, "bob").await;
        assert_eq!(texts(&client, "select user_id from app.tasks").await, ["bob", "bob"], "{leave}");
    }
}

#[tokio::test]
async fn the_auditor_has_no_row_and_the_owner_has_none_either() {
    let home = Home::new().await;

    let auditor = "begin; set local role rowkeep_auditor; set local app.user_id = 'alice'; table app.tasks";
    assert_eq!(state(home.admin.batch_execute(auditor).await), "42501");
    home.admin.batch_execute("rollback").await.expect("an end");

    let owner = "begin; set local role rowkeep_owner; set local app.user_id = 'alice'";
    home.admin.batch_execute(owner).await.expect("a role");
    assert_eq!(texts(&home.admin, "select user_id from app.tasks").await, [""; 0]);
}
