//! User ids are compared byte by byte, so that no new release of a library that sorts letters hides rows from their user.

use rowkeep::audit::audit;
use rowkeep::schema;
use serde_json::json;
use tokio_postgres::Client;

use super::catalogue::{described, pristine};
use super::migrate::rowkeep;
use super::serving::{start, titles};
use super::support::{begin_as, creates, texts};
use crate::operation::health::next_health;
use crate::world::{Answer, Database, World};

/// Takes a database back to the time before V6: user ids are compared by the rules of the database. The policies on record
/// are those of the first release.
const BEFORE: &str = r#"
    begin;
    drop policy fence on app.tasks;
    drop policy owner_only on app.tasks;
    alter table app.tasks alter column user_id type text collate "default";
    create policy fence on app.tasks as restrictive
        using (user_id = app.current_user_id()) with check (user_id = app.current_user_id());
    create policy owner_only on app.tasks to rowkeep_api
        using (user_id = app.current_user_id()) with check (user_id = app.current_user_id());
    drop collation app.letters;
    drop table rowkeep.lock;
    drop function app.accepted();
    drop table rowkeep.accepted;
    delete from rowkeep.migrations where version >= 6;
    update rowkeep.policies set digest = '363dad36c8d8ca304474008fafa4fbbb52eb4c8a4967efa27b6a6f044f5a3f7e';
    commit"#;

/// What a new release of ICU could do: from now on, the numbers in a text are compared as numbers.
const NEW_RULES: &str = "
    do $$
    begin
        execute format('update pg_database set %I = ''en-US-u-kn-true'' where datname = current_database()',
                       case when current_setting('server_version_num')::integer < 170000
                            then 'daticulocale' else 'datlocale' end);
    end
    $$";

/// Claims that the rules were recorded by an older release of the library.
const OLD_VERSION: &str = "update pg_database set datcollversion = '1.0' where datname = current_database()";

pub const COLLATION_VERSION: &str = include_str!("../../../sql/session/collation_version.sql");

/// The ids of users whose order depends on the rules.
fn users() -> Vec<String> {
    (1..=60).map(|number| format!("user{number}@example.com")).collect()
}

/// A database with the sort order of a language before V6, in which every user has one task.
async fn with_sixty_users() -> (Database, Client) {
    let database = migrated(Database::of_language("en-US").await).await;
    let admin = database.superuser().await;
    admin.batch_execute(BEFORE).await.expect("the state before V6");
    for user in users() {
        creates(&admin, &user, "theirs").await;
    }
    (database, admin)
}

async fn migrated(database: Database) -> Database {
    schema::migrate(&database.address("postgres"), false).await.expect("a migrated database");
    database
}

/// The users who do not see their task, through an index.
async fn without_their_task(database: &Database) -> Vec<String> {
    let client = database.superuser().await;
    client.batch_execute("set enable_seqscan = off").await.expect("a setting");
    let mut missing = Vec::new();
    for user in users() {
        begin_as(&client, &user).await;
        if texts(&client, "select title from app.tasks").await != ["theirs"] {
            missing.push(user);
        }
        client.batch_execute("rollback").await.expect("an end");
    }
    missing
}

#[tokio::test]
async fn every_user_finds_their_tasks_after_the_order_of_letters_has_changed() {
    let (database, admin) = with_sixty_users().await;
    let database = migrated(database).await;

    admin.batch_execute(NEW_RULES).await.expect("other rules");

    assert_eq!(without_their_task(&database).await, [""; 0]);
    let session = start(&database.address("rowkeep_login")).await.expect("a session");
    assert_eq!(titles(&session, "user11@example.com").await, ["theirs"]);
}

#[tokio::test]
async fn a_migration_gives_users_the_tasks_back_that_new_rules_have_hidden() {
    let (database, admin) = with_sixty_users().await;
    admin.batch_execute(NEW_RULES).await.expect("other rules");
    let lost = without_their_task(&database).await;
    assert!(!lost.is_empty(), "these rules lose nobody, and the test shows nothing");

    let database = migrated(database).await;

    assert_eq!(without_their_task(&database).await, [""; 0]);
}

#[tokio::test]
async fn the_migration_rewrites_no_row_and_leaves_the_same_database_behind() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute(BEFORE).await.expect("the state before V6");
    creates(&admin, "alice", "hers").await;
    let files = "select pg_relation_filenode(oid)::text from pg_class
                  where oid = 'app.tasks'::regclass
                     or oid in (select indexrelid from pg_index where indrelid = 'app.tasks'::regclass)
                  order by relkind desc, relname";
    let before = texts(&admin, files).await;

    let done = schema::migrate(&database.address("postgres"), false).await.expect("a migration");

    assert_eq!((done.migrations.len(), done.policies), (4, true));
    let after = texts(&admin, files).await;
    assert_eq!((before.len(), before[0] == after[0]), (4, true), "the rows were written again");
    assert!(before[1..].iter().all(|index| !after.contains(index)), "an index was not built anew");
    assert_eq!(described(&admin).await, pristine().await);
}

#[tokio::test]
async fn the_migration_says_before_it_how_many_rows_it_has_to_sort() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute(BEFORE).await.expect("the state before V6");
    let fill = "begin; select app.identify('alice'); reset role;
                insert into app.tasks (title) select 'one of many' from generate_series(1, 20000); commit;
                analyze app.tasks";
    admin.batch_execute(fill).await.expect("tasks");

    let done = rowkeep(&["migrate"], &database.url("postgres")).await;

    assert!(done.status.success(), "{done:?}");
    let log = String::from_utf8_lossy(&done.stderr);
    let announced = log.find("builds the indexes of app.tasks anew, and requests wait for it");
    assert!(announced.is_some(), "{log}");
    assert!(log.contains(r#""rowkeep.rows":20000,"rowkeep.expected_seconds":1"#), "{log}");
    assert!(announced < log.find(r#""rowkeep.migration":"V6__user_ids_byte_by_byte""#), "{log}");
}

#[tokio::test]
async fn the_migration_names_the_views_and_policies_of_others_that_are_in_its_way() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute(BEFORE).await.expect("the state before V6");
    let others = "create view public.owners as select user_id from app.tasks;
                  create policy team on app.tasks to public using (user_id = 'team')";
    admin.batch_execute(others).await.expect("objects of others");

    let refused =
        schema::migrate(&database.address("postgres"), false).await.expect_err("a refusal").to_string();

    for named in ["policy team on table app.tasks", "view public.owners", "Drop them, run `rowkeep migrate`"]
    {
        assert!(refused.contains(named), "{named}: {refused}");
    }
    let fences = "select polname::text from pg_policy where polrelid = 'app.tasks'::regclass order by 1";
    assert_eq!(texts(&admin, fences).await, ["fence", "owner_only", "team"]);
}

#[tokio::test]
async fn the_audit_notes_rules_that_have_changed_and_its_fix_works() {
    let database = migrated(Database::of_language("en-US").await).await;
    let admin = database.superuser().await;
    let more = "create collation public.german (provider = icu, locale = 'de');
                create table public.words (word text collate public.german primary key);
                update pg_collation set collversion = '1.0' where collname = 'german'";
    admin.batch_execute(more).await.expect("a collation");
    admin.batch_execute(OLD_VERSION).await.expect("an old version");

    let report = audit(&database.address("postgres")).await.expect("a report");

    assert_eq!(report.failing(), [""; 0], "{report}");
    let text = report.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    for (what, refresh) in [
        (
            format!("database {}", database.name),
            format!("alter database {} refresh collation", database.name),
        ),
        ("collation public.german".into(), "alter collation public.german refresh".into()),
    ] {
        let noted = format!("NOTE RK-104 server {what} changed from version 1.0 to ");
        assert!(text.contains(&noted), "{report}");
        let fix = format!("fix: reindex database concurrently {}; {refresh} version;", database.name);
        assert!(text.contains(&fix), "{report}");
        for statement in fix.trim_start_matches("fix: ").split_inclusive(';') {
            admin.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }
    let again = audit(&database.address("postgres")).await.expect("a report").to_string();
    assert!(!again.contains("rules for sorting text"), "{again}");
}

#[tokio::test]
async fn a_server_can_read_a_sentence_about_changed_rules() {
    let database = migrated(Database::of_language("en-US").await).await;
    let sentence = async || -> Option<String> {
        let client = database.client("rowkeep_login").await;
        client.query_one(COLLATION_VERSION, &[]).await.expect("a row").get(0)
    };
    assert_eq!(sentence().await, None);

    database.superuser().await.batch_execute(OLD_VERSION).await.expect("an old version");

    let told = sentence().await.expect("a sentence");
    assert!(told.starts_with(&format!("the rules of database {} for sorting text", database.name)), "{told}");
    assert!(told.contains("from version 1.0 to ") && told.ends_with("run `rowkeep audit`"), "{told}");
}

#[tokio::test]
async fn health_says_that_the_rules_have_changed_and_stays_200() {
    let world = World::on(migrated(Database::of_language("en-US").await).await, &[]).await;

    world.database.superuser().await.batch_execute(OLD_VERSION).await.expect("an old version");

    let health = next_health(&world.anonymous()).await;
    assert_eq!((health.status(), &health.json()["status"]), (200, &json!("healthy")));
    assert!(health.detail().contains("rules for sorting text"), "{health:?}");
}

/// The migration changes the type of a column that every prepared statement returns. Postgres refuses these statements then.
#[tokio::test]
async fn a_server_that_runs_during_the_migration_refuses_one_request_of_each_connection_and_changes_nothing()
{
    // One connection serves requests.
    let world = World::with(&[("DATABASE_POOL_SIZE", "2")]).await;
    let alice = world.user("alice");
    // The collation of V7 stays for now: each connection prepares its statements, and those of this release need it.
    let before = BEFORE.replace("drop collation app.letters;", "");
    world.database.superuser().await.batch_execute(&before).await.expect("the state before V6");
    // This changes the type of the column as the migration does.
    let one = json!({ "title": "one" });
    let creates = [alice.post("/api/tasks", one.clone()).await, alice.post("/api/tasks", one).await];
    assert_eq!(creates.each_ref().map(Answer::status), [503, 201], "{creates:?}");

    world.database.superuser().await.batch_execute("drop collation app.letters").await.expect("none");
    schema::migrate(&world.database.address("postgres"), false).await.expect("V6");
    let refused = alice.post("/api/tasks", json!({ "title": "two" })).await;
    let list = alice.get("/api/tasks").await;

    assert_eq!(refused.status(), 503, "{refused:?}");
    assert!(refused.detail().contains("Nothing was changed"), "{refused:?}");
    assert_eq!((list.status(), list.ids().len()), (200, 1), "{list:?}");
    assert_eq!(alice.post("/api/tasks", json!({ "title": "two" })).await.status(), 201);
}
