//! What a pooler says when it ends a connection, and how it takes requests to cancel.

use serde_json::json;

use super::pgbouncer::PgBouncer;
use crate::operation::database_proxy::Proxy;
use crate::operation::health::next_health;
use crate::operation::overload::eventually;
use crate::world::{Database, OwnCluster, Person, SECRET, Server};

/// PgBouncer answers with an error of its own when its connection to Postgres is lost, at any place in the transaction.
#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn a_change_whose_answer_the_pooler_lost_is_not_known() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let bouncer = PgBouncer::before("127.0.0.1", proxy.port(), 2, "").await;
    let url = bouncer.url(&database, "rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    let server = Server::start(&settings).await.expect("a server");
    let alice = Person::new(server.address, "alice");
    alice.creates(json!({ "title": "one" })).await;

    proxy.cuts_commits(true);
    let cut = alice.post("/api/tasks", json!({ "title": "two" })).await;
    proxy.cuts_commits(false);

    assert_eq!(cut.status(), 503, "{cut:?}");
    assert!(cut.detail().contains("may have been made"), "{cut:?}");
    let both = async || {
        let list = alice.get("/api/tasks").await;
        list.status() == 200 && list.ids().len() == 2
    };
    eventually("both tasks", both).await;
    let health = next_health(&Person::with_token(server.address, None)).await;
    assert_eq!((health.status(), health.json()), (200, json!({ "status": "healthy" })));
}

/// There each statement of a transaction can have another backend. Reads would work and changes be made, with an answer
/// that denies it.
#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn a_pooler_that_pools_statements_is_refused_at_start() {
    let database = Database::new().await;
    let bouncer = PgBouncer::start(2, "pool_mode = statement").await;
    let url = bouncer.url(&database, "rowkeep_login");

    let started = Server::start(&[("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]).await;

    let log = started.err().expect("no server");
    assert!(log.contains("pool_mode=transaction"), "{log}");
}

/// PgBouncer 1.18 ends as a whole when a client closes its side at once after a request to cancel.
#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn a_pooler_lives_on_when_commits_hang_and_are_cancelled() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let sockets = cluster.socket_directory().display().to_string();
    let mut bouncer = PgBouncer::before(&sockets, 5432, 2, "").await;
    let url = bouncer.url_of("postgres", "rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("REQUEST_TIMEOUT", "2")];
    let server = Server::start(&settings).await.expect("a server");
    let alice = Person::new(server.address, "alice");
    let set = async |parameters: &str| {
        admin.batch_execute(parameters).await.expect("a setting");
        admin.batch_execute("select pg_reload_conf()").await.expect("a reload");
    };
    admin.batch_execute("alter system set synchronous_commit = on").await.expect("a setting");

    set("alter system set synchronous_standby_names = 'nobody'").await;
    for _ in 0..12 {
        let hung = alice.post("/api/tasks", json!({ "title": "one" })).await;
        assert!(matches!(hung.status(), 201 | 503), "{hung:?}");
    }
    set("alter system set synchronous_standby_names = ''").await;

    assert!(bouncer.is_running());
    let works = async || alice.post("/api/tasks", json!({ "title": "two" })).await.status() == 201;
    eventually("commits work again", works).await;
}
