//! What leads from a trace to the connections of its server.

use super::collector::Collector;
use super::requests::send;
use crate::world::World;

#[tokio::test]
async fn a_span_names_the_backend_and_the_process_as_postgres_shows_them() {
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;
    assert_eq!(send(&world.user("alice"), "one", "GET", "/api/tasks", "").await, 200);
    let spans = collector.spans_of("one").await;

    let statement = spans.last().expect("a span");
    let process: i32 = statement.attributes["rowkeep.backend_pid"].parse().expect("a number");
    let client = world.database.superuser().await;
    let sql = "select application_name from pg_stat_activity where pid = $1";
    let name: String = client.query_one(sql, &[&process]).await.expect("the backend").get(0);

    let instance = &statement.resource["service.instance.id"];
    assert_eq!(name, format!("rowkeep {instance}"));
    assert!(instance.starts_with(&format!("{}@", world.server.id())), "{instance}");
    assert!(name.len() < 64, "{name}");
}

#[tokio::test]
async fn an_application_name_of_the_address_is_kept() {
    let database = crate::world::Database::new().await;
    let url = database.url("rowkeep_login") + " application_name=mine";
    let world = World::on(database, &[("DATABASE_URL", &url)]).await;

    let client = world.database.superuser().await;
    let sql =
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = $1";
    let count: i64 = client.query_one(sql, &[&"mine"]).await.expect("a row").get(0);

    assert!(count > 0);
}
