//! The cost of a page of a long list, at any depth.

use tokio_postgres::SimpleQueryMessage;

use super::explain::Plan;
use super::large_table::{LargeTable, as_user, fill};
use super::query::{Depth, Query, Tasks};
use super::{MAX_BUFFERS_OF_A_PAGE, prepare, run};
use crate::database::support::texts;
use crate::world::Database;

/// The most buffers for a page of twenty in a very long list. Finding its beginning takes a few more.
const MAX_BUFFERS_OF_A_DEEP_PAGE: u64 = 40;

/// The lists that are paged by id.
fn pages() -> Vec<Query> {
    let pages: Vec<_> = Query::all().into_iter().filter(Query::pages_by_id).collect();
    assert!(pages.len() >= 6, "the lists by id are not recognised");
    pages
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_page_of_a_long_list_costs_the_same_at_any_depth() {
    let table = LargeTable::shared().await;
    let pages = pages();

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        for first in [&table.small, &table.large] {
            let client = table.connection_in(mode).await;
            prepare(&client, &pages).await;
            for page in &pages {
                run(&client, page, first, Depth::First).await;
                // Several runs, because PostgreSQL considers a generic plan after five.
                for depth in [Depth::First, Depth::Middle, Depth::Last].repeat(3) {
                    let plan = run(&client, page, &table.large, depth).await;

                    let name = format!("{}.sql, {mode}, {depth:?}", page.name);
                    assert!(
                        plan.buffers() <= MAX_BUFFERS_OF_A_DEEP_PAGE,
                        "{name}: {} buffers",
                        plan.buffers()
                    );
                    let wanted = if depth == Depth::Last { 1 } else { 21 };
                    assert!(plan.rows() >= wanted, "{name}: {} rows", plan.rows());
                }
            }
        }
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_few_tasks_of_a_rare_status_are_found_without_reading_the_others() {
    let table = LargeTable::shared().await;
    let mut queries = Query::all();
    queries.retain(|query| query.index.as_ref().is_some_and(|index| index != "tasks_pkey"));

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        let client = table.connection_in(mode).await;
        prepare(&client, &queries).await;
        for query in &queries {
            let rare =
                if query.sql.contains("not completed") { &table.few_pending } else { &table.few_completed };
            for depth in [Depth::First, Depth::Middle, Depth::Last].repeat(3) {
                let plan = run(&client, query, rare, depth).await;

                let name = format!("{}.sql for {}, {mode}, {depth:?}", query.name, rare.user);
                assert!(plan.buffers() <= MAX_BUFFERS_OF_A_PAGE, "{name}: {} buffers", plan.buffers());
                if depth == Depth::First {
                    assert_eq!(plan.rows(), if query.counts() { 1 } else { 5 }, "{name}");
                }
            }
        }
    }
    assert_eq!(queries.len(), 6);
}

/// The first connection of a new service plans while the table is empty, and keeps its plans when it has grown.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_plan_for_an_empty_table_serves_a_full_one() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    // New statistics would make PostgreSQL plan again.
    admin.batch_execute("alter table app.tasks set (autovacuum_enabled = off)").await.expect("a setting");
    let table = LargeTable::of(database, &admin).await;
    let client = table.connection().await;
    let nobody = Tasks { user: "nobody".into(), ids: vec![7] };
    let queries = Query::all();
    prepare(&client, &queries).await;
    for query in &queries {
        run(&client, query, &nobody, Depth::First).await;
    }

    fill(&admin).await;

    let table = LargeTable::of(table.database, &admin).await;
    for query in &queries {
        let plan = run(&client, query, &table.small, Depth::First).await;
        let name = &query.name;
        assert!(
            plan.buffers() <= MAX_BUFFERS_OF_A_DEEP_PAGE,
            "{name}.sql: {} buffers for few",
            plan.buffers()
        );
        if query.pages_by_id() {
            let plan = run(&client, query, &table.large, Depth::Middle).await;
            assert!(
                plan.buffers() <= MAX_BUFFERS_OF_A_DEEP_PAGE,
                "{name}.sql: {} buffers for many",
                plan.buffers()
            );
        }
    }
}

/// Shows that these tests can fail: the same list with a comparison that row-level security keeps out of the index.
#[tokio::test]
async fn a_comparison_that_is_not_leakproof_would_read_everything() {
    let table = LargeTable::shared().await;
    let list = Query::named("list");
    let sql = list.sql.replace("id < $2", "id < coalesce($2, 9007199254740991)");
    assert_ne!(list.sql, sql);
    let list = list.with_sql(sql);
    let client = table.connection().await;
    prepare(&client, std::slice::from_ref(&list)).await;

    let plan = run(&client, &list, &table.large, Depth::Last).await;

    assert!(plan.filters().iter().any(|filter| filter.contains("(id < ")), "{plan:?}");
    assert!(plan.buffers() > 500, "{} buffers", plan.buffers());
}

/// A query without `user_id = $1` has the policy's condition alone. It may be planned for another user, so its rows are
/// tested here and not its cost.
#[tokio::test]
async fn a_prepared_query_without_a_filter_shows_each_user_their_own_rows() {
    let table = LargeTable::shared().await;
    let admin = table.database.superuser().await;
    let queries = [
        ("undescribed", "select count(*)::text from app.tasks where description is null"),
        ("completed", "select count(*)::text from app.tasks where completed"),
        ("newest", "select title from app.tasks order by id desc limit 20"),
        ("oldest", "select title from app.tasks order by id limit 20"),
    ];

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        let client = table.connection_in(mode).await;
        for (name, sql) in queries {
            client.batch_execute(&format!("prepare {name} as {sql}")).await.expect("a statement");
        }
        for user in ["large", "small_7", "a user without tasks", "large"] {
            for (name, sql) in queries {
                let rows = as_user(&client, user, client.simple_query(&format!("execute {name}"))).await;
                let found = first_column(&rows.expect("rows"));

                let own = format!("app.tasks where user_id = '{user}'");
                let filtered = if sql.contains(" where ") {
                    sql.replace("app.tasks where", &format!("{own} and"))
                } else {
                    sql.replace("app.tasks", &own)
                };
                assert_eq!(found, texts(&admin, &filtered).await, "{name} as {user}, {mode}");
            }
        }
    }
}

/// The function in the policies is stable, so the planner may ask it who the user is. It must not matter: a plan that the
/// server caches is for every user.
#[tokio::test]
async fn a_cached_plan_does_not_depend_on_the_user() {
    let table = LargeTable::shared().await;
    let queries = Query::all();

    for query in &queries {
        let mut estimates = Vec::new();
        for user in ["large", "small_7", "a user without tasks"] {
            let client = table.connection().await;
            client.batch_execute(&query.prepare()).await.expect("a statement");
            let tasks = Tasks { user: user.into(), ids: vec![7] };
            let execute = query.execute(&tasks, Depth::First);
            let plan = as_user(&client, user, Plan::of(&client, &execute)).await;
            estimates.push(plan.estimate());
        }

        estimates.dedup();
        assert_eq!(estimates.len(), 1, "{}.sql: {estimates:?}", query.name);
    }
}

/// The texts of the first column.
fn first_column(messages: &[SimpleQueryMessage]) -> Vec<String> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}
