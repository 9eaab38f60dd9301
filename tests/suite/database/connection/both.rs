//! Two questions in one transaction: one answer, or none.

use rowkeep::refusal::Refusal;
use rowkeep::session::parameter;
use tokio_postgres::Row;

use super::{EVERYTHING, FAILING, Home, PANICKING, Panics, backend_of, options, session};
use crate::world::user_id;

/// A page without its count, or a count without its page, would be half an answer.
#[tokio::test]
async fn when_one_of_two_questions_fails_neither_is_answered() {
    let home = Home::new().await;
    let session = session(&home, &options(1)).await;
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
async fn after_the_second_of_two_questions_was_left_half_done_the_connection_is_never_used_again() {
    let home = Home::new().await;
    let session = session(&home, &options(1)).await;
    let (alice, bob) = (session.caller(user_id("alice")), session.caller(user_id("bob")));
    let before = backend_of(&alice).await;

    let refused = alice.query_both(EVERYTHING.bind(vec![]), PANICKING.bind(vec![parameter(Panics)])).await;

    assert!(matches!(refused, Err(Refusal::Broken(_))), "{refused:?}");
    assert_ne!(backend_of(&bob).await, before, "the connection was alice's, half-way");
}

/// Both belong to the one transaction, and it to one user.
#[tokio::test]
async fn two_questions_are_asked_as_the_same_user_over_the_same_connection() {
    let home = Home::new().await;
    let session = session(&home, &options(2)).await;

    let asking: Vec<_> = ["alice", "bob"]
        .repeat(30)
        .into_iter()
        .map(|user| {
            let caller = session.caller(user_id(user));
            tokio::spawn(async move {
                let asked = caller.query_both(EVERYTHING.bind(vec![]), EVERYTHING.bind(vec![])).await;
                let (one, other) = asked.expect("two answers");
                let told = |rows: &[Row]| -> (i32, String, Vec<String>) {
                    (rows[0].get(0), rows[0].get(1), rows[0].get(2))
                };
                assert_eq!(told(&one), told(&other));
                assert_eq!((told(&one).1, told(&one).2), (user.to_owned(), vec![user.to_owned()]));
            })
        })
        .collect();

    for asked in asking {
        asked.await.expect("two answers");
    }
}
