//! A pooler that refuses a connection: whether waiting can mend it. PgBouncer 1.18 has one SQLSTATE for all its errors.

use rowkeep::database::Address;
use rowkeep::session::connect_once;

use super::pgbouncer::PgBouncer;
use crate::operation::overload::eventually;
use crate::world::{Database, Person, SECRET, Server};

/// More databases for the configuration of a PgBouncer: each cannot be used for its own reason.
async fn out_of_order() -> PgBouncer {
    let cluster = crate::world::cluster().await;
    let socket = cluster.socket_directory().display();
    PgBouncer::start(
        1,
        &format!(
            "query_wait_timeout = 2\nserver_login_retry = 1\n[databases]\n\
             gone = host={socket} port=5432 dbname=no_such_database\n\
             closed = host={socket} port=5432 dbname=template0\n\
             down = host={socket} port=5999 dbname=postgres\n\
             ghost = host={socket} port=5432 dbname=postgres user=no_such_role\n\
             limited = host={socket} port=5432 dbname=postgres user=rowkeep_limited\n\
             locked = host={socket} port=5432 dbname=postgres user=rowkeep_locked\n"
        ),
    )
    .await
}

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn a_refusal_of_a_pooler_is_temporary_only_if_waiting_can_mend_it() {
    let database = Database::new().await;
    let roles = "create role rowkeep_limited login connection limit 0; create role rowkeep_locked nologin";
    database.superuser().await.batch_execute(roles).await.expect("roles");
    let bouncer = out_of_order().await;

    for (name, login, is_temporary) in [
        ("gone", "rowkeep_login", false),
        ("closed", "rowkeep_login", false),
        ("ghost", "rowkeep_login", false),
        ("locked", "rowkeep_login", false),
        ("gone", "no_such_login", false),
        ("down", "rowkeep_login", true),
        ("limited", "rowkeep_login", true),
    ] {
        let address = Address::parse(&bouncer.url_of(name, login)).expect("an address");

        let refused = connect_once(&address).await.err().unwrap_or_else(|| panic!("{name}: a connection"));

        assert_eq!(refused.is_temporary(), is_temporary, "{name} {login}: {refused}");
    }
}

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn a_server_waits_while_the_pooler_has_no_free_connection() {
    let (bouncer, database) = (PgBouncer::start(2, "max_client_conn = 2").await, Database::new().await);
    let url = bouncer.url(&database, "rowkeep_login");
    let address = Address::parse(&url).expect("an address");
    let others = [connect_once(&address).await, connect_once(&address).await];
    let others = others.map(|other| other.expect("a connection"));
    let settings =
        [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("DATABASE_POOL_SIZE", "2")];

    let server = Server::start_listening(&settings).await.expect("a server");
    let refused = |event: &serde_json::Value| {
        event["error.message"].as_str().is_some_and(|cause| cause.contains("no more"))
    };
    server.logs(refused).await;
    drop(others);

    let alice = Person::new(server.address, "alice");
    eventually("an answer", async || alice.get("/api/tasks").await.status() == 200).await;
}

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn a_server_stops_where_the_pooler_says_that_its_database_is_not_there() {
    let bouncer = out_of_order().await;
    let url = bouncer.url_of("gone", "rowkeep_login");

    let log = Server::start(&[("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]).await.err();

    let log = log.expect("no server");
    assert!(log.contains("no_such_database") && !log.contains("trying again"), "{log}");
}
