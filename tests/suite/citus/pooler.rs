//! A real PgBouncer in transaction mode before the coordinator.

use std::net::Ipv4Addr;

use rowkeep::session::connect_once;
use serde_json::json;
use tokio::net::TcpListener;

use super::nodes::{replace_port, user_elsewhere};
use super::{placed, with_tasks};
use crate::operation::health::next_health;
use crate::poolers::pgbouncer::PgBouncer;
use crate::world::{Citus, Database, World};

/// A server on a distributed database that it reaches through one connection of a pooler, and what was on that connection
/// before it came.
async fn world() -> Option<(PgBouncer, World, Left)> {
    let citus = Citus::at_hand().await?;
    let database = with_tasks(citus).await;
    let coordinator = citus.coordinator();
    let bouncer = PgBouncer::before(&coordinator.host, coordinator.port, 1, "").await;
    let before = left(&bouncer, &database).await;
    let url = bouncer.url(&database, "rowkeep_login");
    let world = World::on(database, &[("DATABASE_URL", url.as_str())]).await;
    Some((bouncer, world, before))
}

/// What another program finds on the connection of the pooler.
#[derive(Debug, PartialEq)]
struct Left {
    settings: Vec<(String, String)>,
    rows: i64,
}

async fn left(bouncer: &PgBouncer, database: &Database) -> Left {
    let url = bouncer.url(database, "rowkeep_login");
    let address = rowkeep::database::Address::parse(&url).expect("an address");
    let client = connect_once(&address).await.expect("a connection");
    let settings = "select name, setting from pg_settings where source not in ('default', 'override', 'configuration file')
                    union all select 'app.user_id', coalesce(current_setting('app.user_id', true), '')
                    order by 1";
    let rows = client.query_typed(settings, &[]).await.expect("settings");
    let settings = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    // The nodes are told nothing here: an identity that was left on their connections would show rows.
    let count = client.query_typed("select count(*) from app.tasks", &[]).await.expect("a count");
    Left { settings, rows: count[0].get(0) }
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn users_of_two_nodes_are_served_on_one_connection_of_a_pooler_and_leave_nothing_on_it() {
    let Some((bouncer, world, before)) = world().await else { return };
    let other = user_elsewhere(&world, "user1").await;

    for round in 1..=3 {
        for name in ["user1", &other] {
            let user = world.user(name);
            let created = user.post("/api/tasks", json!({ "title": "one" })).await;
            assert_eq!((created.status(), &created.json()["user_id"]), (201, &json!(name)), "{created:?}");
            assert_eq!(user.post("/api/tasks", json!({ "title": " " })).await.status(), 400);
            for path in ["/api/tasks", "/api/v1/tasks?count=true&sort=title", "/api/v1/tasks?q=S"] {
                let list = user.get(path).await;
                let tasks = list.json();
                let owners = tasks.as_array().expect("a list").iter().map(|task| &task["user_id"]);
                let expected = if path.contains("q=") { 5 } else { 5 + round };
                assert_eq!(owners.collect::<Vec<_>>(), vec![&json!(name); expected], "{path}");
            }
        }
        assert_eq!(next_health(&world.anonymous()).await.json(), json!({ "status": "healthy" }));
    }

    assert_eq!(left(&bouncer, &world.database).await, before);
    assert_eq!(before.rows, 0);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_node_that_is_down_behind_a_pooler_is_the_trouble_of_its_own_users() {
    let Some((bouncer, world, before)) = world().await else { return };
    let other = user_elsewhere(&world, "user1").await;
    let node = placed(&world.database.superuser().await, "user1").await;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let closed = i32::from(closed.local_addr().expect("an address").port());

    replace_port(&world, node.port, closed).await;

    for _ in 0..3 {
        assert_eq!(world.user("user1").get("/api/tasks").await.status(), 503);
        assert_eq!(world.user("user1").post("/api/tasks", json!({ "title": "one" })).await.status(), 503);
        assert_eq!(world.user(&other).get("/api/tasks").await.ids().len(), 5);
    }
    assert_eq!(next_health(&world.anonymous()).await.json()["status"], "degraded");

    replace_port(&world, closed, node.port).await;
    assert_eq!(next_health(&world.anonymous()).await.json(), json!({ "status": "healthy" }));
    assert_eq!(world.user("user1").get("/api/tasks").await.ids().len(), 5);
    assert_eq!(left(&bouncer, &world.database).await, before);
}
