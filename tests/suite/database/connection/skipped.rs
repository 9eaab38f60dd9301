//! PostgreSQL skips the statements after a failed one, also after a failed BEGIN.

use std::sync::LazyLock;

use rowkeep::refusal::{ConstraintMessages, Refusal};
use rowkeep::session::{ParameterType, Query, Session};
use rowkeep::tasks;

use super::super::support::{Fixture, texts};
use super::options;
use crate::world::user_id;

const TRACES: &str = "
    create schema test;
    create sequence test.executed;
    create function test.forget_begin() returns void language plpgsql as $$
        declare forgotten text;
        begin
            for forgotten in select name from pg_prepared_statements where statement ~ '\nbegin' loop
                execute format('deallocate %I', forgotten);
            end loop;
        end $$;
    grant usage on schema test to rowkeep_api;
    grant all on sequence test.executed to rowkeep_api;
    grant all on sequence test.executed to rowkeep_login;
    grant usage on schema test to rowkeep_login";

/// Makes every later BEGIN on this connection fail.
static FORGETS_BEGIN: Query = Query::insert("test/forgets_begin", "select test.forget_begin()", &[]);
/// Leaves a trace, also without a transaction.
static READS: Query = Query::read(
    "test/reads",
    "select nextval('test.executed') from (select $1) nobody",
    &[ParameterType::Text],
);
static CREATES: Query = Query::insert("test/creates", "select nextval('test.executed')", &[]);
static QUERIES: LazyLock<Vec<&Query>> = LazyLock::new(|| {
    let mut all = vec![&FORGETS_BEGIN, &READS, &CREATES];
    all.extend(tasks::QUERIES);
    all
});

#[tokio::test]
async fn no_statement_runs_after_a_failed_begin() {
    let fixture = Fixture::new().await;
    fixture.admin.batch_execute(TRACES).await.expect("traces");
    let address = fixture.database.address("rowkeep_login");

    for query in [&READS, &CREATES] {
        // A session that has lost a prepared statement does not use them any more: the next query needs another one.
        let session = Session::open(&address, &options(1), &QUERIES, ConstraintMessages::default())
            .await
            .expect("a session");
        let alice = session.caller(user_id("alice"));
        alice.query(FORGETS_BEGIN.bind(vec![])).await.expect("a connection that cannot begin");

        let refused = alice.query(query.bind(vec![])).await;

        assert!(matches!(refused, Err(Refusal::Busy(_))), "{refused:?}");
        assert_eq!(texts(&fixture.admin, "select is_called::text from test.executed").await, ["false"]);
    }
    let session = Session::open(&address, &options(1), &QUERIES, ConstraintMessages::default()).await;
    let alice = session.expect("a session").caller(user_id("alice"));
    alice.query(CREATES.bind(vec![])).await.expect("a connection that can begin");
    assert_eq!(texts(&fixture.admin, "select is_called::text from test.executed").await, ["true"]);
}
