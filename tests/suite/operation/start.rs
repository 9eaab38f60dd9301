//! A server starts before its database can be used: it waits, and serves as soon as it can.

use serde_json::json;

use super::database_proxy::Proxy;
use super::overload::eventually;
use crate::database::support::texts;
use crate::world::{Database, Person, SECRET, Server, World};

/// An address with two hosts, the first of which accepts connections and says nothing.
struct TwoHosts {
    first: Proxy,
    database: Database,
    url: String,
}

impl TwoHosts {
    async fn new() -> Self {
        let (first, second, database) = (Proxy::start().await, Proxy::start().await, Database::new().await);
        let url = second.url(&database, "rowkeep_login");
        let (_, port) = url.split_once("port=").expect("a port");
        let first_port = first.url(&database, "rowkeep_login");
        let (_, first_port) = first_port.split_once("port=").expect("a port");
        let first_port = first_port.split(' ').next().expect("a port");
        let url =
            format!("host=127.0.0.1,127.0.0.1 target_session_attrs=read-write port={first_port},{port}");
        Self { first, database, url }
    }
}

#[tokio::test]
async fn a_server_starts_with_the_second_host_if_the_first_is_silent() {
    let hosts = TwoHosts::new().await;
    hosts.first.falls_silent();

    let settings = [("DATABASE_URL", hosts.url.as_str())];
    let world = World::on(hosts.database, &settings).await;

    world.user("alice").creates(json!({ "title": "one" })).await;
}

#[tokio::test]
async fn a_host_that_was_silent_does_not_cost_every_connection_its_time() {
    let hosts = TwoHosts::new().await;
    hosts.first.falls_silent();
    let settings = [("DATABASE_URL", hosts.url.as_str())];

    let world = World::on(hosts.database, &settings).await;
    let alice = world.user("alice");
    assert_eq!(alice.get("/health").await.status(), 200);
    alice.creates(json!({ "title": "one" })).await;

    assert_eq!(hosts.first.logins(), 1);
}

#[tokio::test]
async fn a_running_server_goes_on_with_the_second_host_when_the_first_falls_silent() {
    let hosts = TwoHosts::new().await;
    let settings =
        [("DATABASE_URL", hosts.url.as_str()), ("REQUEST_TIMEOUT", "3"), ("DATABASE_POOL_SIZE", "3")];
    let world = World::on(hosts.database, &settings).await;
    let alice = world.user("alice");
    alice.creates(json!({ "title": "one" })).await;
    assert!(!hosts.first.messages().is_empty(), "the first host is not used first");

    hosts.first.falls_silent();

    eventually("a change", async || {
        alice.post("/api/tasks", json!({ "title": "two" })).await.status() == 201
    })
    .await;
}

/// The login of `sql/setup/login.sql` waits two seconds for a lock.
#[tokio::test]
async fn a_server_waits_while_a_table_that_it_reads_at_start_is_locked() {
    for table in ["rowkeep.policies", "rowkeep.cursor_keys"] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        admin.batch_execute(&format!("begin; lock table {table}")).await.expect("a lock");
        let url = database.url("rowkeep_login");
        let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
        let server = Server::start_listening(&settings).await.expect("a server");
        let waits = "the database cannot be used yet, trying again";
        server.logs(|event| event["message"] == waits).await;

        admin.batch_execute("commit").await.expect("the end of the lock");

        let alice = Person::new(server.address, "alice");
        eventually(table, async || alice.get("/api/tasks").await.status() == 200).await;
    }
}

/// A balancer sends requests to a new server as soon as it can connect.
#[tokio::test]
async fn a_request_that_comes_while_the_database_is_opened_waits_and_is_answered() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute("begin; lock table rowkeep.policies").await.expect("a lock");
    let url = database.url("rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    let server = Server::start_listening(&settings).await.expect("a server");
    let alice = Person::new(server.address, "alice");
    let asked = tokio::spawn(async move { alice.get("/api/tasks").await.status() });
    let waits = "select 'waits' from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    // What others do is the same during a whole transaction.
    let other = database.superuser().await;
    eventually("the start waits", async || !texts(&other, waits).await.is_empty()).await;

    admin.batch_execute("commit").await.expect("the end of the lock");

    assert_eq!(asked.await.expect("no panic"), 200);
}

#[tokio::test]
async fn a_wrong_login_or_database_stops_the_start_and_is_named() {
    let database = Database::new().await;
    let url = database.url("rowkeep_login");
    let wrong_user = url.replace("rowkeep_login", "nobody_at_all");
    let wrong_database = url.replace(&database.name, "no_such_database");

    for (url, named) in [(wrong_user, "nobody_at_all"), (wrong_database, "no_such_database")] {
        let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];

        let log = Server::start(&settings).await.err().expect("no server");

        assert!(log.contains(named) && log.contains("does not exist"), "{log}");
        assert!(!log.contains("trying again"), "{log}");
    }
}
