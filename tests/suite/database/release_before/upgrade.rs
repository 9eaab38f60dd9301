//! Two releases side by side: the database of the release before becomes that of this one while requests continue, and servers
//! start at the same time.

use futures_util::future::join_all;
use rowkeep::schema;
use serde_json::json;

use super::super::catalogue::{described, pristine};
use super::super::migrate::rowkeep;
use super::super::support::{Fixture, files, texts};
use super::server::OldServer;
use super::{MIGRATION, older_database};
use crate::world::{Database, Person, SECRET, Server};

/// How many servers, or migrations, start at once.
const MANY: usize = 10;

/// A server with the login of requests, as in production.
async fn serve(database: &Database) -> Result<Server, String> {
    let url = database.url("rowkeep_login");
    Server::start(&[("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]).await
}

/// A server that may migrate, as on the machine of a developer.
async fn develop(database: &Database) -> Result<Server, String> {
    let url = database.url("postgres");
    let settings =
        [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("ENVIRONMENT", "development")];
    Server::start(&settings).await
}

/// Checks that the database is that of this release, that each migration is on record once, and policies so many times.
async fn expect_migrated_once(database: &Database, policies: usize) {
    let admin = database.superuser().await;
    assert_eq!(described(&admin).await, pristine().await);
    let recorded = texts(&admin, "select name::text from rowkeep.migrations order by version").await;
    assert_eq!(recorded.len(), files("migrations").len(), "{recorded:?}");
    assert_eq!(texts(&admin, "select digest from rowkeep.policies").await.len(), policies);
}

/// The objects of the database with the transactions that made them.
async fn objects(database: &Database) -> Vec<String> {
    let objects = "select format('%s %s %s', relnamespace::regnamespace, relname, xmin) from pg_class
                    where oid >= 16384 union all select format('%s %s', nspname, xmin) from pg_namespace order by 1";
    texts(&database.superuser().await, objects).await
}

#[tokio::test]
async fn the_database_of_the_release_before_serves_its_servers_and_not_those_of_this_release() {
    let database = older_database().await;

    let refused = serve(&database).await.err().expect("no server");

    let wanted = schema::Version::of_this_release().migration;
    let sentence = format!("is behind: it has migration {MIGRATION}, this release needs {wanted}");
    assert!(refused.contains(&sentence) && refused.contains("run `rowkeep migrate`"), "{refused}");
    assert_eq!(super::problems(&database).await, [""; 0]);
}

#[tokio::test]
async fn migrating_the_database_of_the_release_before_makes_that_of_this_one_and_keeps_its_tasks() {
    let database = older_database().await;
    let (mut old, problems) = OldServer::connect(&database).await;
    assert_eq!(problems, [""; 0]);
    let created = old.ask("alice", "create", &[Some("buy milk"), None, Some("false")]).await.expect("a task");

    let done = rowkeep(&["migrate"], &database.url("postgres")).await;

    assert!(done.status.success(), "{done:?}");
    assert_eq!(described(&database.superuser().await).await, pristine().await);
    let server = serve(&database).await.expect("a server");
    let alice = Person::new(server.address, "alice");
    assert_eq!(alice.get("/api/tasks").await.json()[0]["title"], "buy milk");
    // The connection of the old server is the same, with the statements that it prepared before.
    assert_eq!(old.ask("alice", "read", &[Some("1")]).await, Ok(created));
    alice.creates(json!({ "title": "by the new server" })).await;
    assert_eq!(old.ask("alice", "count", &[]).await, Ok(vec!["2".into()]));
}

/// A table that a migration locks makes a request wait, and at the lock time-out it is a 503 that a client can repeat. No answer is
/// wrong.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn servers_of_the_release_before_answer_rightly_while_its_database_is_migrated() {
    for _ in 0..3 {
        let database = older_database().await;
        let (mut old, problems) = OldServer::connect(&database).await;
        assert_eq!(problems, [""; 0]);
        let url = database.url("postgres");
        let migrating = tokio::spawn(async move { rowkeep(&["migrate"], &url).await });

        let (mut created, mut answers) = (0, 0);
        while !migrating.is_finished() || answers < 50 {
            match old.ask("alice", "create", &[Some("buy milk"), None, Some("false")]).await {
                Ok(_) => created += 1,
                Err(refused) => assert!(refused.starts_with("55P03"), "{refused}"),
            }
            match old.ask("alice", "count", &[]).await {
                Ok(count) => assert_eq!(count, [created.to_string()]),
                Err(refused) => assert!(refused.starts_with("55P03"), "{refused}"),
            }
            match old.ask("bob", "count", &[]).await {
                Ok(count) => assert_eq!(count, ["0"]),
                Err(refused) => assert!(refused.starts_with("55P03"), "{refused}"),
            }
            answers += 1;
        }

        let done = migrating.await.expect("no panic");
        assert!(done.status.success(), "{done:?}");
        assert_eq!(OldServer::connect(&database).await.0.problems_at_start().await, [""; 0]);
    }
}

/// What a release to come may do while servers of this one run: it adds a column, a table with its policies, a function, an index
/// and a check, and its policies. The record says so.
const EXPANSION: &str = "
    set local role rowkeep_owner;
    alter table app.tasks add column priority integer;
    alter table app.tasks add constraint tasks_priority_range check (priority between 1 and 5) not valid;
    comment on constraint tasks_priority_range on app.tasks is 'priority must be 1 to 5';
    create index tasks_priority_idx on app.tasks (user_id, priority);
    create table app.labels (
        user_id text collate \"C\" not null default app.current_user_id(), id bigint generated always as identity,
        name text not null, primary key (user_id, id));
    alter table app.labels enable row level security;
    alter table app.labels force row level security;
    create policy fence on app.labels as restrictive
        using (user_id = app.current_user_id()) with check (user_id = app.current_user_id());
    create policy owner_only on app.labels to rowkeep_api
        using (user_id = app.current_user_id()) with check (user_id = app.current_user_id());
    grant select, delete on app.labels to rowkeep_api;
    grant insert (name), update (name) on app.labels to rowkeep_api;
    grant insert (priority), update (priority) on app.tasks to rowkeep_api;
    reset role;
    insert into rowkeep.migrations (version, name) values (1000, 'of_a_release_to_come');
    insert into rowkeep.policies (digest) values ('of a release to come')";

/// This program is the old server here.
#[tokio::test]
async fn a_running_server_and_one_that_starts_serve_while_a_newer_release_expands_the_schema() {
    let fixture = Fixture::new().await;
    let running = serve(&fixture.database).await.expect("a server");
    let bob = Person::new(running.address, "bob");
    assert_eq!(bob.get("/api/tasks").await.ids().len(), 2);

    fixture.admin.batch_execute(&format!("begin; {EXPANSION}; commit")).await.expect("a newer release");

    let started = serve(&fixture.database).await.expect("a server");
    for server in [&running, &started] {
        let bob = Person::new(server.address, "bob");
        assert_eq!(bob.get("/health").await.status(), 200);
        let before = bob.get("/api/v1/tasks?count=true").await.ids().len();
        let task = bob.creates(json!({ "title": "a third" })).await;
        let path = format!("/api/tasks/{}", task["id"]);
        assert_eq!(bob.put(&path, json!({ "title": "another" })).await.status(), 200);
        assert_eq!(bob.patch(&path, json!({ "completed": true })).await.status(), 200);
        let stranger = Person::new(server.address, "alice");
        assert_eq!(stranger.get(&path).await.status(), 404);
        assert_eq!(bob.get("/api/tasks?q=another").await.status(), 200);
        assert_eq!(bob.delete(&path).await.status(), 200);
        assert_eq!(bob.get("/api/tasks").await.ids().len(), before);
    }
    started.logs(|event| event["message"] == "the database is ahead of this release").await;
    // The old program goes on serving, and does not undo what the newer one did.
    let done = rowkeep(&["migrate"], &fixture.database.url("postgres")).await;
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && told.contains("of a newer release than this program"), "{told}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn ten_migrations_at_once_bring_the_database_of_the_release_before_to_this_one_once() {
    let database = older_database().await;
    let url = database.url("postgres");

    let done = join_all((0..MANY).map(|_| rowkeep(&["migrate"], &url))).await;

    assert!(done.iter().all(|process| process.status.success()), "{done:?}");
    let applied = |process: &&std::process::Output| process.stdout.starts_with(b"applied ");
    assert_eq!(done.iter().filter(applied).count(), 1, "{done:?}");
    // The policies of the release before, and those of this one.
    expect_migrated_once(&database, 2).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn ten_servers_that_start_at_once_in_production_change_nothing_and_name_the_command() {
    let [unmigrated, older] = [Database::unmigrated().await, older_database().await];
    for (database, sentence) in
        [(&unmigrated, "has not been migrated; run `rowkeep migrate`"), (&older, "run `rowkeep migrate`")]
    {
        let before = objects(database).await;

        let started = join_all((0..MANY).map(|_| serve(database))).await;

        for server in started {
            let refused = server.err().expect("no server");
            assert!(refused.contains(sentence), "{refused}");
        }
        assert_eq!(objects(database).await, before);
    }

    schema::migrate(&older.address("postgres"), false).await.expect("a migration");
    expect_ten_servers(join_all((0..MANY).map(|_| serve(&older))).await).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn ten_servers_that_start_at_once_in_development_migrate_the_database_once() {
    for (database, policies) in [(Database::unmigrated().await, 1), (older_database().await, 2)] {
        let started = join_all((0..MANY).map(|_| develop(&database))).await;

        expect_ten_servers(started).await;
        expect_migrated_once(&database, policies).await;
    }
}

/// All of them serve the same tasks, and no user sees those of another.
async fn expect_ten_servers(started: Vec<Result<Server, String>>) {
    let servers: Vec<_> =
        started.into_iter().map(|server| server.unwrap_or_else(|log| panic!("{log}"))).collect();
    assert_eq!(servers.len(), MANY);
    for (number, server) in servers.iter().enumerate() {
        Person::new(server.address, "alice").creates(json!({ "title": format!("task {number}") })).await;
    }
    for server in &servers {
        assert_eq!(Person::new(server.address, "alice").get("/api/tasks").await.ids().len(), MANY);
        assert_eq!(Person::new(server.address, "bob").get("/api/tasks").await.ids().len(), 0);
    }
}
