//! A search path that is stored for a login or a database: whatever lies on it, requests do not meet it.

use serde_json::json;

use super::support::texts;
use crate::world::{Database, World};

/// An operator that is found before PostgreSQL's own, and tells what it sees.
const SPY: &str = "
    create schema spies;
    grant usage on schema spies to public;
    create table spies.seen (line text);
    grant insert on spies.seen to public;
    create function spies.same(a bigint, b bigint) returns boolean language plpgsql as $$
    begin
        insert into spies.seen select user_id || ': ' || title from app.tasks;
        return a operator(pg_catalog.=) b;
    end $$;
    create operator spies.= (leftarg = bigint, rightarg = bigint, function = spies.same);
    do $$ begin
        execute format('alter database %I set search_path = spies, pg_catalog', current_database());
    end $$";

#[tokio::test]
async fn an_operator_that_a_stored_search_path_puts_first_sees_no_request() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute(SPY).await.expect("a spy");
    let world = World::on(database, &[]).await;
    let alice = world.user("alice");

    let task = alice.post("/api/tasks", json!({ "title": "secret" })).await;
    assert_eq!(task.status(), 201);
    let path = format!("/api/tasks/{}", task.json()["id"]);
    assert_eq!(alice.put(&path, json!({ "title": "secret still" })).await.status(), 200);
    assert_eq!(alice.get(&path).await.status(), 200);
    assert_eq!(alice.delete(&path).await.status(), 200);

    assert_eq!(texts(&admin, "select line from spies.seen").await, [""; 0]);
}
