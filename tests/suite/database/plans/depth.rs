//! What a page of a long list costs, at whatever depth it begins.

use tokio_postgres::SimpleQueryMessage;

use super::explain::Plan;
use super::question::{Depth, Question, Tasks};
use super::sea::{Sea, as_user, fill};
use super::{FEW, prepare, run};
use crate::database::support::texts;
use crate::world::Database;

/// What a page of twenty may cost where it lies among very many: a few more, to find where it begins.
const SOME: u64 = 40;

/// Those lists that are pages in the order of ids.
fn pages() -> Vec<Question> {
    let pages: Vec<_> = Question::all().into_iter().filter(Question::pages_by_id).collect();
    assert!(pages.len() >= 6, "the lists by id are not recognised");
    pages
}

#[tokio::test]
async fn a_page_of_a_long_list_costs_the_same_at_any_depth() {
    let sea = Sea::the().await;
    let pages = pages();

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        for first in [&sea.minnow, &sea.whale] {
            let client = sea.connection_in(mode).await;
            prepare(&client, &pages).await;
            for page in &pages {
                run(&client, page, first, Depth::First).await;
                // Again and again: that is when PostgreSQL begins to think of a generic plan.
                for depth in [Depth::First, Depth::Middle, Depth::Last].repeat(3) {
                    let plan = run(&client, page, &sea.whale, depth).await;

                    let name = format!("{}.sql, {mode}, {depth:?}", page.name);
                    assert!(plan.buffers() <= SOME, "{name}: {} buffers", plan.buffers());
                    let wanted = if depth == Depth::Last { 1 } else { 21 };
                    assert!(plan.rows() >= wanted, "{name}: {} rows", plan.rows());
                }
            }
        }
    }
}

#[tokio::test]
async fn the_few_tasks_of_a_rare_status_are_found_without_a_look_at_the_others() {
    let sea = Sea::the().await;
    let mut questions = Question::all();
    questions.retain(|question| question.index.as_ref().is_some_and(|index| index != "tasks_pkey"));

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        let client = sea.connection_in(mode).await;
        prepare(&client, &questions).await;
        for question in &questions {
            let rare = if question.sql.contains("not completed") { &sea.busy } else { &sea.lazy };
            for depth in [Depth::First, Depth::Middle, Depth::Last].repeat(3) {
                let plan = run(&client, question, rare, depth).await;

                let name = format!("{}.sql for {}, {mode}, {depth:?}", question.name, rare.user);
                assert!(plan.buffers() <= FEW, "{name}: {} buffers", plan.buffers());
                if depth == Depth::First {
                    assert_eq!(plan.rows(), if question.counts() { 1 } else { 5 }, "{name}");
                }
            }
        }
    }
    assert_eq!(questions.len(), 6);
}

/// The first connection of a new service plans when there is nothing, and keeps its plans when there is much.
#[tokio::test]
async fn what_was_planned_for_an_empty_table_serves_a_full_one() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    // Statistics would be a reason to plan anew.
    admin.batch_execute("alter table app.tasks set (autovacuum_enabled = off)").await.expect("a setting");
    let sea = Sea::of(database, &admin).await;
    let client = sea.connection().await;
    let nobody = Tasks { user: "nobody".into(), ids: vec![7] };
    let questions = Question::all();
    prepare(&client, &questions).await;
    for question in &questions {
        run(&client, question, &nobody, Depth::First).await;
    }

    fill(&admin).await;

    let sea = Sea::of(sea.database, &admin).await;
    for question in &questions {
        let plan = run(&client, question, &sea.minnow, Depth::First).await;
        let name = &question.name;
        assert!(plan.buffers() <= SOME, "{name}.sql: {} buffers for few", plan.buffers());
        if question.pages_by_id() {
            let plan = run(&client, question, &sea.whale, Depth::Middle).await;
            assert!(plan.buffers() <= SOME, "{name}.sql: {} buffers for many", plan.buffers());
        }
    }
}

/// That all this would be noticed: the same list, with a comparison that row security keeps out of the index.
#[tokio::test]
async fn a_comparison_that_is_not_leakproof_would_read_everything() {
    let sea = Sea::the().await;
    let list = Question::named("list");
    let sql = list.sql.replace("id < $2", "id < coalesce($2, 9007199254740991)");
    assert_ne!(list.sql, sql);
    let list = list.with_sql(sql);
    let client = sea.connection().await;
    prepare(&client, std::slice::from_ref(&list)).await;

    let plan = run(&client, &list, &sea.whale, Depth::Last).await;

    assert!(plan.filters().iter().any(|filter| filter.contains("(id < ")), "{plan:?}");
    assert!(plan.buffers() > 500, "{} buffers", plan.buffers());
}

/// A query without `user_id = $1` has the policy's condition alone. It may be planned for another user, so its rows are
/// tested here and not its cost.
#[tokio::test]
async fn a_prepared_query_without_a_filter_shows_each_user_their_own_rows() {
    let sea = Sea::the().await;
    let admin = sea.database.superuser().await;
    let queries = [
        ("undescribed", "select count(*)::text from app.tasks where description is null"),
        ("completed", "select count(*)::text from app.tasks where completed"),
        ("newest", "select title from app.tasks order by id desc limit 20"),
        ("oldest", "select title from app.tasks order by id limit 20"),
    ];

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        let client = sea.connection_in(mode).await;
        for (name, sql) in queries {
            client.batch_execute(&format!("prepare {name} as {sql}")).await.expect("a statement");
        }
        for user in ["whale", "minnow_7", "a user without tasks", "whale"] {
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
async fn a_cached_plan_is_made_without_a_look_at_the_user() {
    let sea = Sea::the().await;
    let questions = Question::all();

    for question in &questions {
        let mut estimates = Vec::new();
        for user in ["whale", "minnow_7", "a user without tasks"] {
            let client = sea.connection().await;
            client.batch_execute(&question.prepare()).await.expect("a statement");
            let tasks = Tasks { user: user.into(), ids: vec![7] };
            let execute = question.execute(&tasks, Depth::First);
            let plan = as_user(&client, user, Plan::of(&client, &execute)).await;
            estimates.push(plan.estimate());
        }

        estimates.dedup();
        assert_eq!(estimates.len(), 1, "{}.sql: {estimates:?}", question.name);
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
