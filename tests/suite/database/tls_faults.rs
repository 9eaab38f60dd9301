//! Where TLS matters beyond the connection itself: addresses that ask for it, handshakes that are cut, and cancels.

use std::time::Duration;

use rowkeep::database::{Address, Defaults};
use rowkeep::session::connect_once;
use serde_json::json;
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::support::texts;
use super::tls::{Listening, NAME, on_the_network};
use crate::operation::overload::eventually;
use crate::world::{CertificateAuthority, Person, SECRET, Server};

/// libpq refuses direct negotiation with a weak `sslmode`. Without one it asks for TLS here, also on this machine.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn what_needs_tls_is_never_sent_without_it() {
    let authority = CertificateAuthority::new();
    let database = Listening::start().await;
    let local = format!("hostaddr={}", database.address);
    let weak = [
        ("sslnegotiation=direct sslmode=disable", "sslnegotiation=direct needs TLS"),
        ("sslnegotiation=direct sslmode=prefer", "sslnegotiation=direct needs TLS"),
        ("channel_binding=require sslmode=disable", "channel_binding=require needs TLS"),
        ("sslrootcert=system sslmode=disable", "sslrootcert needs TLS"),
    ];

    for (options, named) in weak {
        let refused = Address::parse(&database.url(&format!("{local} {options}"))).expect_err(options);
        assert!(refused.contains(named) && refused.contains("sslmode=require"), "{options}: {refused}");
    }
    for options in ["sslnegotiation=direct", "channel_binding=require"] {
        for defaults in [Defaults::default(), Defaults { prefer_tls: true, ..Defaults::default() }] {
            let address = Address::with(&database.url(&format!("{local} {options}")), &defaults);
            let refused = connect_once(&address.expect("an address")).await;
            assert!(refused.is_err(), "{options}: a connection without TLS");
        }
    }
    database.has_tls(&authority.signs(&[&database.address])).await;
    assert!(database.serves(&format!("{local} channel_binding=require"), &authority).await);
}

/// As behind a load balancer whose PostgreSQL starts later: connections are accepted and closed at first.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_server_waits_while_the_handshake_is_cut_and_serves_when_it_is_not() {
    let authority = CertificateAuthority::new();
    let database = Listening::start().await;
    database.has_tls(&authority.signs(&[NAME])).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let postgres = (database.address.clone(), 5432);
    tokio::spawn(async move {
        for at in 0.. {
            let (mut client, _) = listener.accept().await.expect("a connection");
            match at {
                0 => {}
                // Not all is read, so the kernel resets the connection.
                1 => drop(client.read_u8().await),
                2 => drop(client.read_u64().await),
                _ => {
                    let postgres = postgres.clone();
                    tokio::spawn(async move {
                        let mut server = TcpStream::connect(postgres).await.expect("PostgreSQL");
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    });
                }
            }
        }
    });
    let file = database.file_of(&authority);
    let url = database.url(&format!("host={NAME} hostaddr=127.0.0.1 sslrootcert='{file}'"));
    let url = url.replace("port=5432", &format!("port={port}"));

    let server = Server::start(&[("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]).await;

    let server = server.expect("a server");
    assert!(server.log().iter().any(|line| line.contains("trying again")), "no handshake was cut");
    assert_eq!(Person::new(server.address, "alice").get("/api/tasks").await.status(), 200);
}

/// `statement_timeout` does not end the wait for a standby, so Postgres must hear a cancel.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_statement_that_hangs_is_cancelled_over_tls() {
    let authority = CertificateAuthority::new();
    let database = Listening::start().await;
    database.has_tls(&authority.signs(&[NAME])).await;
    let file = database.file_of(&authority);
    let url = database.url(&format!("{} sslrootcert='{file}'", on_the_network(&database.address)));
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("REQUEST_TIMEOUT", "3")];
    let server = Server::start(&settings).await.expect("a server");
    let alice = Person::new(server.address, "alice");
    for set in ["synchronous_commit = on", "synchronous_standby_names = 'nobody'"] {
        database.admin.batch_execute(&format!("alter system set {set}")).await.expect("a setting");
    }
    database.admin.batch_execute("select pg_reload_conf(), pg_sleep(0.5)").await.expect("a reload");

    let answer = timeout(Duration::from_secs(10), alice.post("/api/tasks", json!({ "title": "one" }))).await;

    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert!(answer.detail().contains("may have been made"), "{answer:?}");
    let waiting =
        "select pid::text from pg_stat_activity where usename = 'rowkeep_login' and wait_event = 'SyncRep'";
    eventually("the statement ends", async || texts(&database.admin, waiting).await.is_empty()).await;
    let log = "select pg_read_file(current_setting('data_directory') || '/../log/server.log')";
    let log = texts(&database.admin, log).await.concat();
    assert!(log.contains("canceling wait for synchronous replication due to user request"), "{log}");
}
