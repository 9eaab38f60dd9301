//! The plans of the queries in sql/tasks: each uses the index that its comment names. A cached plan serves every user with
//! their own rows and at a low cost, whichever user ran it first.

mod cached;
mod depth;
mod explain;
mod large_table;
mod new_users;
mod one_plan;
mod query;

use tokio_postgres::Client;

use explain::Plan;
use large_table::{LargeTable, as_user};
use query::{Depth, Query, Tasks};

use crate::world::Database;

/// The most buffers for a page of twenty. Each of its tasks may be in another buffer.
const MAX_BUFFERS_OF_A_PAGE: u64 = 30;

/// Runs a query that the connection has prepared, and returns its plan.
async fn run(client: &Client, query: &Query, tasks: &Tasks, depth: Depth) -> Plan {
    as_user(client, &tasks.user, Plan::run(client, &query.execute(tasks, depth))).await
}

/// Prepares queries on a connection. It writes first, because the first write of a connection reads catalogues.
async fn prepare(client: &Client, queries: &[Query]) {
    let writes = "insert into app.tasks (title) values ('x');
                  update app.tasks set completed = true;
                  delete from app.tasks";
    let written = as_user(client, "another user", client.batch_execute(writes)).await;
    written.expect("a task that is created and deleted");
    for query in queries {
        client.batch_execute(&query.prepare()).await.unwrap_or_else(|error| panic!("{error:?}"));
    }
}

#[tokio::test]
async fn every_query_uses_the_index_that_its_comment_names() {
    let table = LargeTable::shared().await;
    let queries = Query::all();

    for order in [[&table.large, &table.small], [&table.small, &table.large]] {
        let client = table.connection().await;
        prepare(&client, &queries).await;
        for (tasks, query) in order.iter().flat_map(|tasks| queries.iter().map(move |q| (tasks, q))) {
            let plan = run(&client, query, tasks, Depth::First).await;

            let name = format!("{}.sql for {}", query.name, tasks.user);
            assert_eq!(query.index.is_none(), query.creates(), "{name}: its comment names an index");
            let scans = plan.scans();
            let used: Vec<_> = scans.iter().map(|scan| &scan.index).collect();
            assert_eq!(used, query.index.iter().collect::<Vec<_>>(), "{name}: {plan:?}");
            assert!(scans.iter().all(|scan| scan.looks_for.contains("(user_id = ")), "{name}: {scans:?}");
            assert_eq!(plan.sorts().is_empty(), !query.sorts, "{name}: its comment speaks of a sort");
        }
    }
}

/// A comparison that is not leakproof may not see a row before the policy, so it cannot be an index condition.
#[tokio::test]
async fn the_bound_of_a_page_is_an_index_condition() {
    let table = LargeTable::shared().await;
    let client = table.connection().await;
    let mut queries = Query::all();
    queries.retain(|query| query.pages_by_id() || query.is_about_one());
    prepare(&client, &queries).await;

    for query in &queries {
        let plan = run(&client, query, &table.large, Depth::Middle).await;

        let (scans, filters) = (plan.scans(), plan.filters());
        assert!(scans.iter().all(|scan| scan.looks_for.contains("(id ")), "{}: {scans:?}", query.name);
        assert!(filters.iter().all(|filter| !filter.contains("(id ")), "{}: {filters:?}", query.name);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_sort_keeps_only_one_page_in_memory() {
    let table = LargeTable::shared().await;
    let client = table.connection().await;
    let mut queries = Query::all();
    queries.retain(|query| query.sorts);
    prepare(&client, &queries).await;

    for query in &queries {
        let plan = run(&client, query, &table.large, Depth::First).await;

        let sorts = plan.sorts();
        let small = |(method, kilobytes): &(String, u64)| method == "top-N heapsort" && *kilobytes <= 64;
        assert!(sorts.len() == 1 && sorts.iter().all(small), "{}: {sorts:?}", query.name);
        assert_eq!(plan.rows(), 21, "{}", query.name);
    }
    assert!(!queries.is_empty());
}

/// With less memory PostgreSQL would sort all rows on disk.
#[tokio::test]
async fn a_sort_has_memory_for_the_longest_page_after_the_longest_offset() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let fill = "insert into app.tasks (user_id, title, description)
                select 'large', 'task ' || n, repeat('x', 400) from generate_series(1, 25000) n";
    admin.batch_execute(fill).await.expect("tasks");
    let large = Tasks { user: "large".into(), ids: vec![1, 2] };
    let client = large_table::server_connection(&database).await;
    let mut queries = Query::all();
    queries.retain(|query| query.sorts);
    prepare(&client, &queries).await;

    for query in &queries {
        let plan = run(&client, query, &large, Depth::Furthest).await;

        let sorts = plan.sorts();
        assert!(sorts.iter().all(|(method, _)| method == "top-N heapsort"), "{}: {sorts:?}", query.name);
        assert_eq!(plan.rows(), 1001, "{}", query.name);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_small_users_queries_cost_little_after_any_other_user() {
    let table = LargeTable::shared().await;
    let queries = Query::all();

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        // PostgreSQL considers a generic plan after five runs.
        for first in [vec![&table.large; 7], vec![&table.small; 1], vec![]] {
            let client = table.connection_in(mode).await;
            prepare(&client, &queries).await;
            for query in &queries {
                for tasks in &first {
                    as_user(&client, &tasks.user, execute(&client, query, tasks)).await;
                }

                let plan = run(&client, query, &table.small, Depth::First).await;

                let name = format!("{}.sql, {mode}, after {}", query.name, first.len());
                assert!(plan.buffers() <= MAX_BUFFERS_OF_A_PAGE, "{name}: {} buffers", plan.buffers());
                assert!(plan.rows() > 0, "{name} finds nothing");
            }
        }
    }
}

async fn execute(client: &Client, query: &Query, tasks: &Tasks) {
    let statement = query.execute(tasks, Depth::First);
    client.simple_query(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}
