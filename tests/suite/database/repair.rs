//! `rowkeep migrate --repair`: sequences behind the ids that are there, and objects that a database has lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rowkeep::audit::{Login, Reapplied, audit_as, check_integrity, repair_objects};
use rowkeep::schema::{MigrateOptions, Migrated, RepairObjects, migrate_with};
use serde_json::{Value, json};

use super::catalogue::{described, pristine};
use super::support::{begin_as, creates, state, texts};
use crate::operation::program::Program;
use crate::world::{Database, World};

/// `rowkeep migrate --repair` with this login.
async fn repair(database: &Database, login: &str) -> Result<Migrated, String> {
    let repair = Some(repair_objects as RepairObjects);
    let options = MigrateOptions { repair, ..MigrateOptions::default() };
    migrate_with(&database.address(login), options).await.map_err(|error| error.to_string())
}

/// A login that migrates and that the policies bind, as hosting services give.
async fn migrator(database: &Database) -> String {
    let login = format!("migrator_{}", database.name);
    let make = format!(
        "create role {login} login; grant rowkeep_owner, rowkeep_api to {login}; alter database {} owner to {login}",
        database.name
    );
    database.superuser().await.batch_execute(&make).await.expect("a login");
    login
}

/// Gives alice the ids 1 to 40 without the sequence, as a restore of the rows alone does.
const LOADED: &str = "
    insert into app.tasks (id, user_id, title) overriding system value
    select id, 'alice', 'loaded' from generate_series(1, 40) id";

const IS_PROTECTED: &str = "
    select format('%s %s', relrowsecurity, relforcerowsecurity) from pg_class where oid = 'app.tasks'::regclass";

#[tokio::test]
async fn the_log_of_a_repair_names_what_cannot_be_made_again() {
    let database = Database::new().await;
    let damage = "alter table app.tasks drop constraint tasks_title_length;
                  insert into app.tasks (user_id, title) values ('alice', repeat('x', 300))";
    database.superuser().await.batch_execute(damage).await.expect(damage);

    let settings = [("ENVIRONMENT", "production"), ("DATABASE_URL", &*database.url("postgres"))];
    let ended = Program::new(&["migrate", "--repair"]).with(&settings).run().await;

    let mut events = ended.err.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let event = events.find(|event| event["message"] == "this object cannot be made again");
    let event = event.unwrap_or_else(|| panic!("{ended:?}"));
    assert_eq!(event["rowkeep.object"], "constraint tasks_title_length on app.tasks");
    assert!(event["error.message"].as_str().is_some_and(|text| text.starts_with("23514: ")), "{event}");
}

#[tokio::test]
async fn a_create_that_gets_an_id_that_exists_is_a_500_and_the_log_has_the_statement_for_it() {
    let world = World::new().await;
    let superuser = world.database.superuser().await;
    superuser.batch_execute(LOADED).await.expect("rows");
    let alice = world.user("alice");

    let failed = alice.post("/api/tasks", json!({ "title": "new" })).await;

    assert_eq!(failed.status(), 500, "{failed:?}");
    let id = failed.header("x-request-id").to_owned();
    let event = world.server.logs(|event| event["message"] == "a fault of the server").await;
    let cause = event["error.message"].as_str().expect("a cause");
    assert!(cause.contains("rowkeep migrate --repair") && event.to_string().contains(&id), "{event}");
    let statement = &cause[cause.find("select setval").expect("a statement")..];
    superuser.batch_execute(statement).await.expect("the statement of the log");
    let created = alice.post("/api/tasks", json!({ "title": "new" })).await;
    assert_eq!((created.status(), &created.json()["id"]), (201, &json!(41)));
}

#[tokio::test]
async fn repair_sets_the_sequence_behind_every_id_with_any_migrating_login() {
    for is_superuser in [true, false] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        admin.batch_execute(LOADED).await.expect("rows");
        let login = if is_superuser { "postgres".to_owned() } else { migrator(&database).await };

        let repaired = repair(&database, &login).await.expect("a repair");

        assert_eq!(repaired.sequences, ["app.tasks_id_seq to 40"], "{login}");
        assert_eq!(texts(&admin, IS_PROTECTED).await, ["t t"], "{login}");
        assert_eq!(creates(&admin, "alice", "new").await, 41, "{login}");
        assert_eq!(repair(&database, &login).await.expect("a repair").sequences, [""; 0], "{login}");
    }
}

/// The statistics and the files of a table are older than its rows.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn rows_that_are_gone_or_were_never_committed_do_not_put_a_sequence_behind() {
    let emptied = "truncate app.tasks restart identity;
                   insert into app.tasks (user_id, title) values ('alice', 'one'), ('alice', 'two')";
    let rolled_back = format!("begin; {LOADED}; rollback");
    let restarted =
        "truncate app.tasks restart identity; alter table app.tasks alter column id restart with 41";
    for statements in [
        &[LOADED, "analyze app.tasks", emptied][..],
        &[LOADED, "analyze app.tasks", emptied, "vacuum app.tasks"],
        &[LOADED, "analyze app.tasks", "delete from app.tasks"],
        &[&rolled_back],
        &[restarted, LOADED, "analyze app.tasks"],
    ] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        for statement in statements {
            admin.batch_execute(statement).await.expect(statement);
            settled(&admin).await;
        }
        let migrating = migrator(&database).await;

        for login in ["postgres", &migrating] {
            let checked = check_integrity(&database.address(login), Reapplied::default()).await;
            assert!(checked.is_ok(), "{statements:?}, {login}: {checked:?}");
            assert_ne!(behind(&database, login).await, "FAIL", "{statements:?}, {login}");
        }
        repair(&database, &migrating).await.expect("a repair");
    }
}

/// A login that policies bind sees no statistics, and is told so.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_sequence_that_is_behind_is_found_as_far_as_a_login_can_know() {
    let at_3 = "select setval('app.tasks_id_seq', 3)";
    let create = "insert into app.tasks (user_id, title) values ('bob', 'his')";
    for (statements, bound) in [
        (&[LOADED][..], "FAIL"),
        (&[LOADED, "analyze app.tasks"], "FAIL"),
        (&[LOADED, "analyze app.tasks", at_3], "not looked at"),
        (&[LOADED, "analyze app.tasks", at_3, create], "not looked at"),
    ] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        for statement in statements {
            admin.batch_execute(statement).await.expect(statement);
            settled(&admin).await;
        }
        let migrating = migrator(&database).await;

        // The proof of an audit uses some numbers up, so that it is known for less sure afterwards.
        assert_eq!(behind(&database, &migrating).await, bound, "{statements:?}");
        let of_others = behind(&database, "postgres").await;
        assert!(
            of_others == "FAIL" || statements.len() == 1 && of_others == "NOTE",
            "{statements:?}: {of_others}"
        );
        let checked = check_integrity(&database.address("postgres"), Reapplied::default()).await;
        assert!(checked.is_err(), "{statements:?}");
        let repaired = repair(&database, &migrating).await.expect("a repair");
        assert_eq!(repaired.sequences, ["app.tasks_id_seq to 40"], "{statements:?}");
        let checked = check_integrity(&database.address("postgres"), Reapplied::default()).await;
        assert!(checked.is_ok(), "{statements:?}: {checked:?}");
    }
}

/// Waits until the statistics have what this session has done.
async fn settled(admin: &tokio_postgres::Client) {
    admin.batch_execute("select pg_stat_force_next_flush()").await.expect("a flush");
}

/// What the audit of this login says about the sequence: FAIL, NOTE, `not looked at` or nothing.
async fn behind(database: &Database, login: &str) -> &'static str {
    let report = audit_as(&database.address(login), Login::DoesNotServe).await.expect("a report");
    let fact = report.facts.iter().find(|fact| fact.id == "RK-308");
    fact.map_or("", |fact| if fact.is_unseen() { "not looked at" } else { fact.verdict.word() })
}

#[tokio::test]
async fn repair_is_safe_while_tasks_are_created() {
    for is_superuser in [true, false] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        admin.batch_execute(LOADED).await.expect("rows");
        let login = if is_superuser { "postgres".to_owned() } else { migrator(&database).await };
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> =
            futures_util::future::join_all((0..3).map(|_| database.client("rowkeep_login"))).await;
        let creating = clients.into_iter().map(|client| {
            let stop = stop.clone();
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    begin_as(&client, "bob").await;
                    let outcome =
                        state(client.batch_execute("insert into app.tasks (title) values ('new')").await);
                    assert_eq!(outcome, "00000");
                    client.batch_execute("commit").await.expect("a commit");
                }
            })
        });
        let creating: Vec<_> = creating.collect();

        repair(&database, &login).await.expect("a repair");
        stop.store(true, Ordering::Relaxed);

        for task in creating {
            task.await.expect("no create fails");
        }
        let largest: i64 = admin.query_one("select max(id) from app.tasks", &[]).await.expect("a row").get(0);
        assert_eq!(creates(&admin, "alice", "new").await, largest + 1, "{login}");
    }
}

/// Without this, the next release could not record its policies.
#[tokio::test]
async fn repair_sets_the_sequences_of_the_history() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let behind = "insert into rowkeep.policies (id, digest) overriding system value
                  select 10, digest from rowkeep.policies;
                  alter table rowkeep.policies alter column id restart with 10";
    admin.batch_execute(behind).await.expect("rows that were loaded");
    let options = MigrateOptions { reapply_policies: true, ..MigrateOptions::default() };
    let refused =
        migrate_with(&database.address("postgres"), options).await.expect_err("a refusal").to_string();
    assert!(refused.contains("`rowkeep migrate --repair`"), "{refused}");

    admin
        .batch_execute("alter table rowkeep.policies alter column id restart with 1")
        .await
        .expect("its beginning");

    let repaired = repair(&database, "postgres").await.expect("a repair");

    assert_eq!(repaired.sequences, ["rowkeep.policies_id_seq to 10"]);
    assert!(repaired.policies);
}

#[tokio::test]
async fn repair_makes_lost_and_changed_objects_again() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    creates(&admin, "alice", "hers").await;
    let damage = "
        drop trigger tasks_touch on app.tasks;
        alter table app.tasks drop constraint tasks_title_length;
        alter table app.tasks drop constraint tasks_title_blank;
        alter table app.tasks add constraint tasks_title_blank check (true);
        comment on constraint tasks_description_length on app.tasks is null;
        comment on table app.tasks is 'ours';
        drop index app.tasks_completed_idx;
        drop function app.schema_version();
        alter function app.identify(text) owner to postgres;
        alter function app.current_user_id() immutable;
        drop policy fence on app.tasks;
        alter table app.tasks no force row level security;
        alter table app.tasks owner to postgres;
        revoke all on app.tasks from rowkeep_api;
        grant select on app.tasks to public";
    admin.batch_execute(damage).await.expect("damage");

    let repaired = repair(&database, "postgres").await.expect("a repair");

    assert_eq!(described(&admin).await, pristine().await, "{repaired:?}");
    let all = "constraint tasks_title_length on app.tasks";
    assert!(repaired.objects.iter().any(|object| object == all), "{repaired:?}");
}

/// A row that breaks the rule must be changed by a person.
#[tokio::test]
async fn a_constraint_that_rows_break_is_named_and_binds_new_rows() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute("alter table app.tasks drop constraint tasks_title_blank").await.expect("no rule");
    creates(&admin, "alice", " ").await;

    repair(&database, "postgres").await.expect("what can be repaired");
    let reapplied = Reapplied { policies: true, ..Reapplied::default() };
    let checked = check_integrity(&database.address("postgres"), reapplied).await;

    let problem = checked.expect_err("a problem").to_string();
    assert!(problem.contains("constraint tasks_title_blank on app.tasks is not as declared"), "{problem}");
    begin_as(&admin, "alice").await;
    let outcome = state(admin.batch_execute("insert into app.tasks (title) values (' ')").await);
    assert_eq!(outcome, "23514");
}
