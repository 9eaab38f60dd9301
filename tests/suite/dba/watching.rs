//! Recipes about connections and about what is slow.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::recipe::Recipe;
use super::site::{OWNER, OWNERS, Site};
use crate::database::support::{begin_as, texts};
use crate::world::{OwnCluster, Person};

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_connection_limit_is_shown_and_takes_away_the_note_of_the_audit() {
    let site = Site::on(OwnCluster::start().await, "").await;
    for login in OWNERS {
        let place = site.with_tasks().await;
        place
            .superuser
            .batch_execute("alter role rowkeep_login connection limit -1")
            .await
            .expect("no limit");
        let mut recipe = Recipe::of("Limit connections");
        let (limit, shown) = (recipe.sql(), recipe.sql());
        let is_noted = async || {
            place
                .audit()
                .await
                .0
                .iter()
                .any(|finding| finding.contains("rowkeep_login has no connection limit"))
        };
        assert!(is_noted().await);

        place.psql(login, &[], &limit).await.expect("a limit");

        assert!(!is_noted().await, "{login}");
        let table = place.psql(login, &[], &shown).await.expect("a list");
        let row = table.lines().find(|line| line.contains("rowkeep_login")).expect("the login");
        assert!(row.contains("|    50 |") || row.contains("| 50"), "{table}");
    }
}

/// The blocks: sessions, locks, costs, the plan and the table.
fn blocks() -> [String; 5] {
    let mut recipe = Recipe::of("Find out why it is slow");
    [recipe.sql(), recipe.sql(), recipe.sql(), recipe.sql(), recipe.sql()]
}

#[tokio::test]
async fn a_session_that_others_wait_for_is_named_with_its_locks() {
    let place = Site::shared().await.with_tasks().await;
    let watching = format!(
        "create role watcher_{0} login; grant rowkeep_auditor, pg_read_all_stats to watcher_{0}",
        place.name
    );
    place.superuser.batch_execute(&watching).await.expect("a login");
    let watcher = format!("watcher_{}", place.name);
    let [holder, waiter] = [place.client("rowkeep_login").await, place.client("rowkeep_login").await];
    let change = "update app.tasks set title = 'changed' where user_id = 'alice'";
    begin_as(&holder, "alice").await;
    holder.batch_execute(change).await.expect("a change");
    let pid = texts(&holder, "select pg_backend_pid()::text").await.remove(0);
    let waiting = tokio::spawn(async move {
        begin_as(&waiter, "alice").await;
        let _ = waiter.batch_execute(&format!("set local lock_timeout = '20s'; {change}; commit")).await;
    });

    for login in [watcher.as_str(), "postgres"] {
        let shown = async {
            loop {
                let sessions = place.psql(login, &[], &blocks()[0]).await.expect("sessions");
                if sessions.contains(&format!("{{{pid}}}")) {
                    return sessions;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let sessions = timeout(Duration::from_secs(10), shown).await.expect("the session that waits");
        let first = sessions.lines().nth(2).expect("a row");
        assert!(first.contains(&format!("{{{pid}}}")) && first.contains("Lock"), "{login}: {sessions}");
        assert!(sessions.contains("idle in transaction"), "{login}: {sessions}");
        let locks = place.psql(login, &[], &blocks()[1]).await.expect("locks");
        let held = locks.lines().find(|line| line.contains(&pid)).expect("its lock");
        assert!(held.contains("RowExclusiveLock"), "{login}: {locks}");
    }
    holder.batch_execute("rollback").await.expect("an end");
    waiting.await.expect("a session that has waited");
}

#[tokio::test]
async fn the_log_says_how_long_a_request_and_its_statement_took() {
    let place = Site::shared().await.with_tasks().await;
    let server = place.server().await;

    Person::new(server.address, "alice").get("/api/tasks").await;

    let query =
        server.logs(|event| event["message"] == "query" && event["rowkeep.query"] == "tasks/list").await;
    let answered =
        server.logs(|event| event["message"] == "answered" && event["url.path"] == "/api/tasks").await;
    assert!(query["event.duration"].as_u64() <= answered["event.duration"].as_u64(), "{query} {answered}");
    assert!(
        query["event.duration"].is_u64() && answered["http.response.status_code"] == 200,
        "{query} {answered}"
    );
}

#[tokio::test]
async fn a_plan_of_one_user_uses_an_index_and_the_state_of_the_table_is_shown() {
    let place = Site::shared().await.with_tasks().await;
    // For a table of a few rows Postgres uses no index.
    let many = "insert into app.tasks (user_id, title) select 'user ' || n / 10, 'a task' from generate_series(1, 5000) n";
    place.superuser.batch_execute(many).await.expect("tasks");
    place.superuser.batch_execute("analyze app.tasks").await.expect("statistics");
    let [_, _, _, plan, table] = blocks();

    for login in [OWNER, "postgres", "rowkeep_login"] {
        let shown = place.psql(login, &[("user", "alice")], &plan).await.expect("a plan");
        assert!(shown.contains("tasks_pkey") && shown.contains("Buffers"), "{login}: {shown}");
    }
    for login in OWNERS {
        let shown = place.psql(login, &[], &table).await.expect("a row");
        assert!(shown.contains("(1 row)"), "{login}: {shown}");
    }
}

#[tokio::test]
#[ignore = "needs the extension pg_stat_statements: `make test-all`"]
async fn the_statements_that_cost_most_are_listed_without_values() {
    let major = rowkeep::development::Programs::find(None).expect("PostgreSQL's programs").major;
    let settings = "shared_preload_libraries = 'pg_stat_statements'\n";
    let site = Site::on(OwnCluster::with(major, settings).await, "").await;
    let place = site.with_tasks().await;
    let before = place.audit().await;
    place.superuser.batch_execute("create extension pg_stat_statements").await.expect("an extension");
    place.superuser.batch_execute("grant pg_read_all_stats to auditor").await.expect("a membership");
    place.assert_sound().await;

    for login in ["postgres", "auditor"] {
        let costs = place.psql(login, &[], &blocks()[2]).await.expect("statements");
        assert!(costs.contains("insert into app.tasks") && !costs.contains("dora"), "{login}: {costs}");
    }
    let after = place.audit().await;
    let found = after.since(&before);
    let fails = found.iter().filter(|finding| finding.starts_with("FAIL"));
    assert_eq!(fails.collect::<Vec<_>>(), [&""; 0]);
    assert!(found.contains(&"NOTE RK-810 extensions: pg_stat_statements"), "{found:?}");
}
