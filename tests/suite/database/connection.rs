//! Users share pooled connections one after the other. No failure of one user may affect the next.

mod skipped;
mod two_queries;

use std::sync::LazyLock;
use std::time::Duration;

use rowkeep::refusal::ConstraintMessages;
use rowkeep::refusal::Refusal;
use rowkeep::session::ParameterType::{Bigint, Text};
use rowkeep::session::{Caller, Options, Query, Session, parameter};
use rowkeep::tasks::{self, Draft, Listing, Status, Window};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::support::{Fixture, texts};
use crate::world::user_id;

/// Runs like an insert, without a user parameter, so that only the policy decides which rows are found.
static EVERYTHING: Query = Query::insert(
    "test/everything",
    "select pg_backend_pid(), app.current_user_id(), array(select distinct user_id from app.tasks)",
    &[],
);
static FAILING: Query = Query::insert("test/failing", "select 1 / (count(*) - count(*)) from app.tasks", &[]);
static FAILING_READ: Query = Query::read(
    "test/failing_read",
    "select 1 / (count(*) - count(*)) from app.tasks where user_id = $1",
    &[Text],
);
static READ_OF_NUMBER: Query = Query::read(
    "test/read_of_number",
    "select id from app.tasks where user_id = $1 and id = $2",
    &[Text, Bigint],
);
static CREATE_OF_NUMBER: Query = Query::insert("test/create_of_number", "select $1", &[Bigint]);
static PANICKING: Query = Query::insert("test/panicking", "select $1", &[Bigint]);
static SLOW: Query = Query::insert("test/slow", "select pg_sleep(2)::text", &[]);
static WRITES: Query =
    Query::read("test/writes", "update app.tasks set title = 'x' where user_id = $1 returning id", &[Text]);
static TAKE_OVER: Query = Query::insert(
    "test/take_over",
    "select set_config('app.user_id', 'alice', false), set_config('role', 'rowkeep_api', false)",
    &[],
);
static QUERIES: LazyLock<Vec<&Query>> = LazyLock::new(|| {
    let mut all = vec![&EVERYTHING, &FAILING, &PANICKING, &SLOW, &TAKE_OVER, &WRITES];
    all.extend([&FAILING_READ, &READ_OF_NUMBER, &CREATE_OF_NUMBER]);
    all.extend(tasks::QUERIES);
    all
});

fn options(pool_size: u32) -> Options {
    let step_timeout = Duration::from_secs(5);
    Options {
        pool_size,
        min_idle: 1,
        max_lifetime: Duration::from_secs(1800),
        step_timeout,
        statement_mode: None,
    }
}

async fn session(fixture: &Fixture, options: &Options) -> Session {
    let address = fixture.database.address("rowkeep_login");
    Session::open(&address, options, &QUERIES, ConstraintMessages::default()).await.expect("a session")
}

/// The number of tasks on the first page of the caller.
async fn list(caller: &Caller) -> Result<usize, Refusal> {
    let window = Window { after: None, limit: 100, offset: 0 };
    let page = tasks::page(caller, &Listing::newest_first(Status::All), window).await?;
    Ok(page.tasks()?.len())
}

/// The process id of the backend. Asserts that it knows the caller and shows only their rows.
async fn backend_of(caller: &Caller) -> i32 {
    let rows = caller.query(EVERYTHING.bind(vec![])).await.expect("an answer");
    let (backend, user, owners): (i32, String, Vec<String>) =
        (rows[0].get(0), rows[0].get(1), rows[0].get(2));
    assert_eq!(user, caller.user().as_str());
    assert_eq!(owners, [caller.user().as_str()]);
    backend
}

#[tokio::test]
async fn two_users_on_one_connection_see_their_own_rows() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));

    let mut backends = Vec::new();
    for _ in 0..10 {
        backends.extend([backend_of(&alice).await, backend_of(&bob).await]);
    }

    backends.dedup();
    assert_eq!(backends.len(), 1, "this proves nothing about a connection that is used again");
}

#[tokio::test]
async fn many_users_at_once_on_two_connections_see_their_own_rows() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(2)).await;

    let queries: Vec<_> = ["alice", "bob"]
        .repeat(50)
        .into_iter()
        .map(|user| {
            let caller = session.caller(user_id(user));
            tokio::spawn(async move { backend_of(&caller).await })
        })
        .collect();

    for result in queries {
        result.await.expect("an answer");
    }
}

#[tokio::test]
async fn a_violated_constraint_leaves_the_connection_usable_by_the_next_user() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    let draft = Draft { title: " ".into(), description: None, completed: false };
    let refused = tasks::create(&alice, draft).await;

    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    assert_eq!(backend_of(&bob).await, before);
}

#[tokio::test]
async fn a_failed_query_leaves_the_connection_usable_by_the_next_user() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    for failing in [&FAILING, &FAILING_READ] {
        let refused = alice.query(failing.bind(vec![])).await;

        assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
        assert_eq!(backend_of(&bob).await, before, "{failing:?}");
    }
}

/// A read sends one Sync, after its COMMIT. PostgreSQL skips that COMMIT when the read fails.
#[tokio::test]
async fn two_queries_of_which_one_fails_leave_the_connection_usable_by_the_next_user() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;
    let read = || READ_OF_NUMBER.bind(vec![parameter(7_i64)]);
    assert!(alice.query(read()).await.is_ok());

    let refused = [
        alice.query_both(read(), FAILING_READ.bind(vec![])).await,
        alice.query_both(FAILING_READ.bind(vec![]), read()).await,
    ];

    assert!(refused.iter().all(|refused| matches!(refused, Err(Refusal::Broken(_)))), "{refused:?}");
    assert_eq!(backend_of(&bob).await, before);
}

/// The driver does not send a parameter of the wrong type, but sends the statements before and after it.
#[tokio::test]
async fn a_parameter_that_cannot_be_sent_leaves_the_connection_usable_by_the_next_user() {
    let fixture = Fixture::new().await;
    let slow = Options { step_timeout: Duration::from_secs(60), ..options(1) };
    let session = session(&fixture, &slow).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    for number in [&READ_OF_NUMBER, &CREATE_OF_NUMBER] {
        let refused = alice.query(number.bind(vec![parameter("seven")]));

        let refused = tokio::time::timeout(Duration::from_secs(20), refused).await.expect("an answer");
        assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
        assert_eq!(backend_of(&bob).await, before, "{number:?}");
    }
    for (one, other) in [("seven", "eight"), ("seven", "")] {
        let other = if other.is_empty() { parameter(8_i64) } else { parameter(other) };
        let both =
            alice.query_both(READ_OF_NUMBER.bind(vec![parameter(one)]), READ_OF_NUMBER.bind(vec![other]));

        let refused = tokio::time::timeout(Duration::from_secs(20), both).await.expect("an answer");
        assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
        assert_eq!(backend_of(&bob).await, before);
    }
}

/// A parameter that panics when it is bound, after BEGIN and the identity were sent.
#[derive(Debug)]
struct Panics;

impl ToSql for Panics {
    fn to_sql(
        &self,
        _: &Type,
        _: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        panic!("this parameter panics when it is bound")
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[tokio::test]
async fn a_connection_with_an_unfinished_transaction_is_discarded() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));

    for panicking in [&PANICKING, &READ_OF_NUMBER] {
        let before = backend_of(&alice).await;

        let refused = alice.query(panicking.bind(vec![parameter(Panics)])).await;

        assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
        assert_ne!(backend_of(&bob).await, before, "alice's unfinished transaction is on this connection");
        has_ended(&fixture, before).await;
    }
}

/// Waits until this backend has ended.
async fn has_ended(fixture: &Fixture, backend: i32) {
    let ended = async {
        let sql = format!("select state from pg_stat_activity where pid = {backend}");
        while !texts(&fixture.admin, &sql).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the end of its connection");
}

/// A client that disconnects does not stop the query. The query must not leave anything for the next user.
#[tokio::test]
async fn a_cancelled_query_leaves_the_connection_clean() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    let gone = tokio::time::timeout(Duration::from_millis(50), alice.query(SLOW.bind(vec![]))).await;

    assert!(gone.is_err(), "the query was answered before it could be cancelled");
    assert_eq!(backend_of(&bob).await, before);
}

/// The driver reports any answer to COMMIT as a success. An error there must discard the rows that came before.
#[tokio::test]
async fn a_failed_commit_is_reported_as_an_error() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let late = "
        create function app.late() returns trigger language plpgsql as $$ begin raise 'too late'; end $$;
        create constraint trigger late after insert on app.tasks deferrable initially deferred
            for each row execute function app.late()";
    fixture.admin.batch_execute(late).await.expect("a constraint that COMMIT checks");
    let before = fixture.stored("alice").await;

    let created =
        tasks::create(&alice, Draft { title: "lost".into(), description: None, completed: false }).await;

    assert!(matches!(created, Err(Refusal::Broken(_))), "{created:?}");
    assert_eq!(fixture.stored("alice").await, before);
    backend_of(&bob).await;
}

/// A setting that outlives its transaction must not affect the next user of the connection.
#[tokio::test]
async fn an_identity_left_on_the_connection_does_not_affect_the_next_user() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let bob = session.caller(user_id("bob"));

    bob.query(TAKE_OVER.bind(vec![])).await.expect("settings of the session");

    backend_of(&bob).await;
}

#[tokio::test]
async fn a_terminated_connection_is_replaced() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let bob = session.caller(user_id("bob"));
    let before = backend_of(&bob).await;

    let gone = "select pg_terminate_backend($1, 5000)";
    fixture.admin.execute(gone, &[&before]).await.expect("a termination");
    // The driver may not have noticed yet, so that one query may still fail.
    let first = bob.query(EVERYTHING.bind(vec![])).await;

    assert!(matches!(first, Ok(_) | Err(Refusal::Busy(_))), "{first:?}");
    assert_ne!(backend_of(&bob).await, before);
}

#[tokio::test]
async fn a_query_is_refused_as_busy_while_every_connection_waits_for_a_lock() {
    let fixture = Fixture::new().await;
    let step_timeout = Duration::from_millis(1500);
    let session = session(&fixture, &Options { step_timeout, ..options(2) }).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    fixture
        .admin
        .batch_execute("begin; lock table app.tasks in access exclusive mode")
        .await
        .expect("a lock");

    let (first, second, third) = tokio::join!(list(&alice), list(&alice), list(&bob));

    for refused in [first, second, third] {
        assert!(matches!(refused, Err(Refusal::Busy(_))), "{refused:?}");
    }
    fixture.admin.batch_execute("rollback").await.expect("a released lock");
    // A connection that was being prepared also waited for the lock and is ready a little later.
    for _ in 0..100 {
        if list(&bob).await.is_ok() {
            break;
        }
    }
    backend_of(&bob).await;
}

#[tokio::test]
async fn reading_queries_run_in_read_only_transactions() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;

    let refused = session.caller(user_id("bob")).query(WRITES.bind(vec![])).await;

    assert!(matches!(refused, Err(Refusal::Busy(_))), "{refused:?}");
    assert!(fixture.stored("bob").await.iter().all(|row| !row.contains(",x,")));
}

#[tokio::test]
async fn a_finished_query_leaves_nothing_open() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(2)).await;
    let bob = session.caller(user_id("bob"));
    for _ in 0..5 {
        backend_of(&bob).await;
        let _ = bob.query(FAILING.bind(vec![])).await;
        let _ = bob.query(FAILING_READ.bind(vec![])).await;
        let _ = bob.query(PANICKING.bind(vec![parameter(Panics)])).await;
        let _ = bob.query(READ_OF_NUMBER.bind(vec![parameter(Panics)])).await;
        let _ = bob.query(READ_OF_NUMBER.bind(vec![parameter("seven")])).await;
    }
    backend_of(&bob).await;
    // Discarded connections end by themselves.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let open = format!(
        "select state || ': ' || query from pg_stat_activity
          where datname = '{}' and usename = 'rowkeep_login' and xact_start is not null",
        fixture.database.name
    );

    assert_eq!(texts(&fixture.admin, &open).await, [""; 0]);
}

#[tokio::test]
async fn a_connection_whose_statements_no_longer_match_the_schema_is_replaced() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let bob = session.caller(user_id("bob"));
    let before = backend_of(&bob).await;
    list(&bob).await.expect("a list");
    fixture
        .admin
        .batch_execute("alter table app.tasks alter title type varchar")
        .await
        .expect("another schema");

    let outdated = list(&bob).await;
    let renewed = list(&bob).await;

    assert!(matches!(outdated, Err(Refusal::Busy(_))), "{outdated:?}");
    assert!(renewed.is_ok(), "{renewed:?}");
    assert_ne!(backend_of(&bob).await, before);
}
