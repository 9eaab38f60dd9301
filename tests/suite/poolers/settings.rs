//! The connections of a pooler belong to others as well: nothing of ours may stay on them.

use rowkeep::session::connect_once;
use serde_json::json;

use super::pgbouncer::PgBouncer;
use crate::world::{Database, Person, SECRET, Server};

#[tokio::test]
#[ignore = "needs PgBouncer: `make test-all`"]
async fn no_setting_of_requests_stays_on_a_connection_of_the_pooler() {
    let (bouncer, database) = (PgBouncer::start(1, "").await, Database::new().await);
    let url = bouncer.url(&database, "rowkeep_login");
    let other = rowkeep::database::Address::parse(&url).expect("an address");
    // A query of another application, without prepared statements.
    let settings = async || {
        let sql = "select name, setting from pg_settings where source not in ('default', 'override') \
                   or name in ('search_path', 'enable_seqscan', 'work_mem', 'plan_cache_mode', 'statement_timeout', \
                               'lock_timeout', 'role', 'row_security') order by name";
        let client = connect_once(&other).await.expect("a connection");
        let rows = client.query_typed(sql, &[]).await.expect("settings");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(String, String)>>()
    };
    let before = settings().await;

    let server = Server::start(&[("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]).await;
    let server = server.expect("a server");
    let alice = Person::new(server.address, "alice");
    for _ in 0..5 {
        alice.creates(json!({ "title": "one" })).await;
        assert_eq!(alice.get("/api/v1/tasks?count=true&sort=title").await.status(), 200);
        assert_eq!(alice.post("/api/tasks", json!({ "title": " " })).await.status(), 400);
        assert_eq!(Person::with_token(server.address, None).get("/health").await.status(), 200);
    }

    assert_eq!(settings().await, before);
}
