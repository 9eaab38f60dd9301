//! A connection of the server plans each query once, for all users.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join_all;
use rowkeep::refusal::ConstraintMessages;
use rowkeep::session::{Caller, Options, Query, Session};
use rowkeep::tasks::{self, Changes, Draft, Listing, Sort, Status, Window};

use crate::database::support::{Fixture, files};
use crate::world::user_id;

/// An insert query, so that no user is bound.
static MODE: Query = Query::insert("test/mode", "select pg_catalog.current_setting('plan_cache_mode')", &[]);
static PLANNED: Query = Query::insert(
    "test/planned",
    "select statement, generic_plans, custom_plans from pg_catalog.pg_prepared_statements where not from_sql",
    &[],
);
static QUERIES: LazyLock<Vec<&Query>> = LazyLock::new(|| {
    let mut all = vec![&MODE, &PLANNED];
    all.extend(tasks::QUERIES);
    all
});

/// A session of one connection to a database that would plan for each user anew.
async fn session(fixture: &Fixture) -> Session {
    let set = format!("alter database {} set plan_cache_mode = force_custom_plan", fixture.database.name);
    fixture.admin.batch_execute(&set).await.expect("a stored setting");
    let (step_timeout, max_lifetime) = (Duration::from_secs(5), Duration::from_secs(1800));
    let options = Options { pool_size: 1, min_idle: 1, max_lifetime, step_timeout, statement_mode: None };
    let address = fixture.database.address("rowkeep_login");
    Session::open(&address, &options, &QUERIES, ConstraintMessages::default()).await.expect("a session")
}

/// Runs every query at least once.
async fn runs_every_query(caller: &Caller) {
    let draft = Draft { title: "x".into(), description: None, completed: false };
    let task = tasks::create(caller, draft).await.expect("a task");
    tasks::read(caller, task.id).await.expect("a task");
    let changes = Changes { title: Some("y".into()), ..Changes::default() };
    tasks::edit(caller, task.id, changes).await.expect("a task");
    tasks::delete(caller, task.id).await.expect("a task");

    let mut listings = Vec::new();
    for sort in [Sort::Id, Sort::Title, Sort::UpdatedAt] {
        for status in [Status::All, Status::Pending, Status::Completed] {
            for (text, descending) in [("", true), ("", false), ("t", true), ("t", false)] {
                listings.push(Listing { status, text: text.into(), sort, descending });
            }
        }
    }
    let answers = join_all(listings.iter().map(async |listing| {
        let window = Window { after: None, limit: 20, offset: 0 };
        tasks::page_and_count(caller, listing, window).await
    }))
    .await;
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_connection_of_the_server_has_one_plan_for_all_users_in_spite_of_stored_settings() {
    let fixture = Fixture::new().await;
    let session = session(&fixture).await;

    let rows = session.caller(user_id("alice")).query(MODE.bind(vec![])).await.expect("a setting");

    assert_eq!(rows[0].get::<_, &str>(0), "force_generic_plan");
}

#[tokio::test]
async fn no_query_is_planned_for_one_user() {
    let fixture = Fixture::new().await;
    let session = session(&fixture).await;
    for user in ["alice", "bob", "alice", "a new user"] {
        runs_every_query(&session.caller(user_id(user))).await;
    }

    let rows = session.caller(user_id("alice")).query(PLANNED.bind(vec![])).await.expect("statements");

    for (name, sql) in files("sql/tasks") {
        let row = rows.iter().find(|row| row.get::<_, &str>(0) == sql);
        let row = row.unwrap_or_else(|| panic!("{name}.sql is not prepared"));
        let (generic, custom): (i64, i64) = (row.get(1), row.get(2));
        assert!(generic >= 4 && custom == 0, "{name}.sql: {generic} for all users, {custom} for one");
    }
}
