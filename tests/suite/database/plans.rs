//! What questions cost, whoever asks: each uses the index that its comment names, and a cached plan serves whoever comes
//! next, so that neither their rows nor their speed are those of the user before.

mod cached;
mod depth;
mod explain;
mod newcomers;
mod once;
mod question;
mod sea;

use tokio_postgres::Client;

use explain::Plan;
use question::{Depth, Question, Tasks};
use sea::{Sea, as_user};

use crate::world::Database;

/// What a page of twenty may cost: the tasks may lie scattered, one in a buffer.
const FEW: u64 = 30;

/// Runs a question that the connection has prepared.
async fn run(client: &Client, question: &Question, tasks: &Tasks, depth: Depth) -> Plan {
    as_user(client, &tasks.user, Plan::run(client, &question.execute(tasks, depth))).await
}

/// Prepares questions on a connection that has written before: the first time it reads up on triggers and rules.
async fn prepare(client: &Client, questions: &[Question]) {
    let writes = "insert into app.tasks (title) values ('x');
                  update app.tasks set completed = true;
                  delete from app.tasks";
    let written = as_user(client, "somebody else", client.batch_execute(writes)).await;
    written.expect("a task that comes and goes");
    for question in questions {
        client.batch_execute(&question.prepare()).await.unwrap_or_else(|error| panic!("{error:?}"));
    }
}

#[tokio::test]
async fn every_question_uses_the_index_that_its_comment_names() {
    let sea = Sea::the().await;
    let questions = Question::all();

    for order in [[&sea.whale, &sea.minnow], [&sea.minnow, &sea.whale]] {
        let client = sea.connection().await;
        prepare(&client, &questions).await;
        for (tasks, question) in order.iter().flat_map(|tasks| questions.iter().map(move |q| (tasks, q))) {
            let plan = run(&client, question, tasks, Depth::First).await;

            let name = format!("{}.sql for {}", question.name, tasks.user);
            assert_eq!(question.index.is_none(), question.creates(), "{name}: its comment names an index");
            let scans = plan.scans();
            let used: Vec<_> = scans.iter().map(|scan| &scan.index).collect();
            assert_eq!(used, question.index.iter().collect::<Vec<_>>(), "{name}: {plan:?}");
            assert!(scans.iter().all(|scan| scan.looks_for.contains("(user_id = ")), "{name}: {scans:?}");
            assert_eq!(plan.sorts().is_empty(), !question.sorts, "{name}: its comment speaks of a sort");
        }
    }
}

/// A comparison that could tell what it compares, were it to fail, may not look at a row before the policy has: it does
/// not go into the index.
#[tokio::test]
async fn what_a_page_goes_on_from_is_looked_up_in_the_index() {
    let sea = Sea::the().await;
    let client = sea.connection().await;
    let mut questions = Question::all();
    questions.retain(|question| question.pages_by_id() || question.is_about_one());
    prepare(&client, &questions).await;

    for question in &questions {
        let plan = run(&client, question, &sea.whale, Depth::Middle).await;

        let (scans, filters) = (plan.scans(), plan.filters());
        assert!(scans.iter().all(|scan| scan.looks_for.contains("(id ")), "{}: {scans:?}", question.name);
        assert!(filters.iter().all(|filter| !filter.contains("(id ")), "{}: {filters:?}", question.name);
    }
}

#[tokio::test]
async fn a_sort_keeps_no_more_than_a_page() {
    let sea = Sea::the().await;
    let client = sea.connection().await;
    let mut questions = Question::all();
    questions.retain(|question| question.sorts);
    prepare(&client, &questions).await;

    for question in &questions {
        let plan = run(&client, question, &sea.whale, Depth::First).await;

        let sorts = plan.sorts();
        let small = |(method, kilobytes): &(String, u64)| method == "top-N heapsort" && *kilobytes <= 64;
        assert!(sorts.len() == 1 && sorts.iter().all(small), "{}: {sorts:?}", question.name);
        assert_eq!(plan.rows(), 21, "{}", question.name);
    }
    assert!(!questions.is_empty());
}

/// If it does not hold them, it sorts everything there is, on disk.
#[tokio::test]
async fn a_sort_holds_the_longest_page_after_the_longest_offset() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let fill = "insert into app.tasks (user_id, title, description)
                select 'whale', 'task ' || n, repeat('x', 400) from generate_series(1, 25000) n";
    admin.batch_execute(fill).await.expect("tasks");
    let whale = Tasks { user: "whale".into(), ids: vec![1, 2] };
    let client = sea::server_connection(&database).await;
    let mut questions = Question::all();
    questions.retain(|question| question.sorts);
    prepare(&client, &questions).await;

    for question in &questions {
        let plan = run(&client, question, &whale, Depth::Furthest).await;

        let sorts = plan.sorts();
        assert!(sorts.iter().all(|(method, _)| method == "top-N heapsort"), "{}: {sorts:?}", question.name);
        assert_eq!(plan.rows(), 1001, "{}", question.name);
    }
}

#[tokio::test]
async fn a_small_users_questions_cost_little_whoever_came_first() {
    let sea = Sea::the().await;
    let questions = Question::all();

    for mode in ["force_generic_plan", "auto", "force_custom_plan"] {
        // More than five times: that is when PostgreSQL begins to think of a generic plan.
        for first in [vec![&sea.whale; 7], vec![&sea.minnow; 1], vec![]] {
            let client = sea.connection_in(mode).await;
            prepare(&client, &questions).await;
            for question in &questions {
                for tasks in &first {
                    as_user(&client, &tasks.user, execute(&client, question, tasks)).await;
                }

                let plan = run(&client, question, &sea.minnow, Depth::First).await;

                let name = format!("{}.sql, {mode}, after {}", question.name, first.len());
                assert!(plan.buffers() <= FEW, "{name}: {} buffers", plan.buffers());
                assert!(plan.rows() > 0, "{name} finds nothing");
            }
        }
    }
}

async fn execute(client: &Client, question: &Question, tasks: &Tasks) {
    let statement = question.execute(tasks, Depth::First);
    client.simple_query(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}
