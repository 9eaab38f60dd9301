//! Two queries in one transaction: both return their rows, or neither does.

use rowkeep::refusal::Refusal;
use rowkeep::session::parameter;
use tokio_postgres::Row;

use super::{EVERYTHING, FAILING, Fixture, PANICKING, Panics, backend_of, options, session};
use crate::world::user_id;

/// A page without its count, or a count without its page, would be an incomplete answer.
#[tokio::test]
async fn neither_of_two_queries_returns_rows_when_one_fails() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    for (one, other) in [(&EVERYTHING, &FAILING), (&FAILING, &EVERYTHING), (&FAILING, &FAILING)] {
        let refused = alice.query_both(one.bind(vec![]), other.bind(vec![])).await;

        assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
        assert_eq!(backend_of(&bob).await, before);
    }
    let (one, other) =
        alice.query_both(EVERYTHING.bind(vec![]), EVERYTHING.bind(vec![])).await.expect("both");
    assert_eq!((one.len(), other.len()), (1, 1));
}

#[tokio::test]
async fn an_unfinished_second_query_discards_the_connection() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    let refused = alice.query_both(EVERYTHING.bind(vec![]), PANICKING.bind(vec![parameter(Panics)])).await;

    assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
    assert_ne!(backend_of(&bob).await, before, "alice's unfinished transaction is on this connection");
}

#[tokio::test]
async fn two_queries_run_as_the_same_user_on_the_same_connection() {
    let fixture = Fixture::new().await;
    let session = session(&fixture, &options(2)).await;

    let queries: Vec<_> = ["alice", "bob"]
        .repeat(30)
        .into_iter()
        .map(|user| {
            let caller = session.caller(user_id(user));
            tokio::spawn(async move {
                let result = caller.query_both(EVERYTHING.bind(vec![]), EVERYTHING.bind(vec![])).await;
                let (one, other) = result.expect("two answers");
                let values = |rows: &[Row]| -> (i32, String, Vec<String>) {
                    (rows[0].get(0), rows[0].get(1), rows[0].get(2))
                };
                assert_eq!(values(&one), values(&other));
                assert_eq!((values(&one).1, values(&one).2), (user.to_owned(), vec![user.to_owned()]));
            })
        })
        .collect();

    for result in queries {
        result.await.expect("two answers");
    }
}
