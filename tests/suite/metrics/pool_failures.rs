//! A database that does not answer, or lets nobody in.

use super::pool::{closed, connections};
use super::scrape::Watched;
use crate::operation::database_proxy::Proxy;
use crate::operation::overload::eventually;
use crate::world::{Database, psql};

/// The silent connection is closed, and keeps its place until Postgres says that its backend has ended.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_connection_without_an_answer_at_the_deadline_is_overdue_and_its_backend_lost_until_it_has_ended() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("REQUEST_TIMEOUT", "1"), ("DATABASE_POOL_SIZE", "2")];
    let watched = Watched::on(database, &settings).await;
    let alice = watched.world.user("alice");
    eventually("requests work", async || alice.get("/api/tasks").await.status() == 200).await;
    let before = watched.scrape().await;

    // A connection that was opened while the proxy is silent would stay silent, and the server would wait for its backend for a
    // minute: so new ones wait.
    proxy.holds_new_connections_and_silences_others();
    let refused = alice.get("/api/tasks").await.status();
    watched
        .eventually("its backend may still run", |scrape| {
            closed(scrape, "overdue") > closed(&before, "overdue") && connections(scrape, "lost") == 1.0
        })
        .await;
    proxy.speaks_again();

    assert_eq!(refused, 503);
    watched.eventually("its backend has ended", |scrape| connections(scrape, "lost") == 0.0).await;
    eventually("requests work again", async || alice.get("/api/tasks").await.status() == 200).await;
    assert_eq!(closed(&watched.scrape().await, "unfinished"), 0.0);
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_counted_and_the_database_is_not_reachable() {
    let watched = Watched::with(&[("REQUEST_TIMEOUT", "1"), ("DATABASE_POOL_MIN_IDLE", "0")]).await;
    let alice = watched.world.user("alice");
    let reachable = "rowkeep_database_reachable";
    eventually("requests work", async || alice.get("/api/tasks").await.status() == 200).await;
    assert_eq!(watched.scrape().await.value(reachable, &[]), 1.0);
    let name = watched.world.database.name.clone();
    let lets = async |allows: bool| {
        let sql = format!("alter database {name} allow_connections {allows}");
        assert!(psql("postgres", &["-c", &sql]).await.status.success());
    };
    lets(false).await;
    let ends = format!(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}' and usename = 'rowkeep_login'"
    );
    assert!(psql("postgres", &["-c", &ends]).await.status.success());

    // A request that meets a connection that has ended need not open another one. The next request does.
    let is_counted = async || {
        assert_eq!(alice.get("/api/tasks").await.status(), 503);
        let scrape = watched.scrape().await;
        scrape.value("rowkeep_pool_connect_failures_total", &[]) >= 1.0 && scrape.value(reachable, &[]) == 0.0
    };
    eventually("the failure is counted", is_counted).await;
    lets(true).await;

    eventually("requests work again", async || alice.get("/api/tasks").await.status() == 200).await;
    assert_eq!(watched.scrape().await.value(reachable, &[]), 1.0);
}
