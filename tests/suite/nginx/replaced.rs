//! Servers behind nginx are replaced one after the other, as docs/deploy.md says.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;

use super::Nginx;
use crate::operation::overload::eventually;
use crate::world::{Database, Person, SECRET, Server, token};

/// A server at this port, which goes on for a second when it is told to stop.
async fn serve(database: &Database, port: u16) -> Server {
    let (url, port) = (database.url("rowkeep_login"), port.to_string());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", &port),
        ("SHUTDOWN_DELAY", "1"),
        // A machine that has much else to do must not fail a request either.
        ("REQUEST_TIMEOUT", "60"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    Server::start(&settings).await.expect("a server")
}

/// What clients were answered.
#[derive(Default)]
struct Seen {
    ends: AtomicBool,
    created: AtomicUsize,
    lists: AtomicUsize,
}

#[tokio::test]
#[ignore = "needs nginx: `make test-all`"]
async fn servers_that_are_replaced_one_after_the_other_fail_no_request() {
    let database = Database::new().await;
    let listeners = [0, 0].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port"));
    let ports = listeners.map(|listener| listener.local_addr().expect("an address").port());
    let mut servers = Vec::new();
    for port in ports {
        servers.push(serve(&database, port).await);
    }
    // nginx takes a server back a second after it could not be reached.
    let upstream =
        format!("127.0.0.1:{} fail_timeout=1s; server 127.0.0.1:{} fail_timeout=1s", ports[0], ports[1]);
    let nginx = Arc::new(Nginx::before(&upstream).await);
    let seen = Arc::new(Seen::default());
    let clients = (0..4).map(|number| {
        let (nginx, seen, token) = (nginx.clone(), seen.clone(), token(&format!("user {number}")));
        tokio::spawn(async move {
            while !seen.ends.load(Ordering::Relaxed) {
                let body = r#"{"title":"one"}"#.to_owned();
                let created = nginx.answer(Method::POST, "/api/tasks", &token, body).await;
                assert_eq!(created.status(), 201, "{}", created.text().await.expect("a body"));
                seen.created.fetch_add(1, Ordering::Relaxed);
                let list = nginx.answer(Method::GET, "/api/v1/tasks?limit=1", &token, String::new()).await;
                assert_eq!(list.status(), 200, "{}", list.text().await.expect("a body"));
                seen.lists.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let clients: Vec<_> = clients.collect();

    for (index, port) in ports.into_iter().enumerate() {
        let before = seen.lists.load(Ordering::Relaxed);
        servers[index].signal("TERM");
        assert_eq!(servers[index].ended().await.code(), Some(0));
        eventually("the other server answers", async || seen.lists.load(Ordering::Relaxed) > before + 50)
            .await;
        servers[index] = serve(&database, port).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    seen.ends.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no request that failed");
    }
    let mut stored = 0;
    for number in 0..4 {
        let user = Person::new(servers[1].address, &format!("user {number}"));
        stored += user.get("/api/tasks").await.ids().len();
    }
    assert_eq!(stored, seen.created.load(Ordering::Relaxed), "each task that was acknowledged, once");
}
