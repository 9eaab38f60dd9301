//! Whether the policies restrict requests, as the last look has found.

use std::time::Duration;

use super::scrape::{Scrape, Watched};
use crate::operation::database_proxy::Proxy;
use crate::operation::overload::eventually;
use crate::world::{Database, Person};

/// Whether the tables are protected, and when that was seen.
fn protection(scrape: &Scrape) -> (f64, f64) {
    let value = |name| scrape.value(name, &[]);
    (value("rowkeep_protected"), value("rowkeep_protection_checked_timestamp_seconds"))
}

fn now() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1000.0
}

/// A look that is younger than a second is used again.
async fn until_a_look_is_old() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

#[tokio::test]
async fn a_dropped_policy_is_seen_by_the_next_look_and_so_is_its_return() {
    let watched = Watched::with(&[]).await;
    let superuser = watched.world.database.superuser().await;
    let before = protection(&watched.scrape().await);

    superuser.batch_execute("drop policy fence on app.tasks").await.expect("no fence");
    until_a_look_is_old().await;
    assert_eq!(watched.admin.get("/ready").await.status(), 503);
    let lost = protection(&watched.scrape().await);
    let fence = "create policy fence on app.tasks as restrictive for all to public
                 using (user_id = app.current_user_id()) with check (user_id = app.current_user_id())";
    superuser.batch_execute(fence).await.expect("a fence");
    until_a_look_is_old().await;
    assert_eq!(watched.world.anonymous().get("/health").await.status(), 200);
    let again = protection(&watched.scrape().await);

    assert_eq!((before.0, lost.0, again.0), (1.0, 0.0, 1.0));
    assert!((before.1 - now()).abs() < 60.0, "the look at the start counts: {before:?}");
    assert!(before.1 < lost.1 && lost.1 < again.1, "{before:?} {lost:?} {again:?}");
}

/// The database that cannot be reached may be protected or not.
#[tokio::test]
async fn a_look_that_saw_nothing_changes_neither_the_result_nor_its_time() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let watched = Watched::on(database, &[("DATABASE_URL", url.as_str()), ("REQUEST_TIMEOUT", "2")]).await;
    let before = watched.scrape().await;
    assert_eq!(before.value("rowkeep_database_reachable", &[]), 1.0);
    proxy.falls_silent();

    assert_eq!(watched.admin.get("/ready").await.status(), 503);

    let after = watched.scrape().await;
    assert_eq!(protection(&after), protection(&before));
    assert_eq!(after.value("rowkeep_database_reachable", &[]), 0.0);
}

#[tokio::test]
async fn a_scrape_asks_nothing_of_the_database() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let watched = Watched::on(database, &[("DATABASE_URL", url.as_str())]).await;
    let admin = Person::with_token(watched.admin.address, None);
    let count = || (proxy.messages().len(), proxy.logins());
    // The pool is filled in the background.
    let mut before = count();
    eventually("the pool is at rest", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        std::mem::replace(&mut before, count()) == before
    })
    .await;

    for _ in 0..20 {
        assert_eq!(admin.get("/metrics").await.status(), 200);
    }
    proxy.falls_silent();
    for _ in 0..20 {
        assert_eq!(admin.get("/metrics").await.status(), 200);
    }

    assert_eq!(count(), before);
}
