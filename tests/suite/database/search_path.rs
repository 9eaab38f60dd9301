//! Objects on a stored or changed search path do not affect requests or the identity.

use serde_json::json;

use super::support::{Fixture, begin_as, state, texts};
use crate::world::{Database, World};

/// An operator that comes before that of PostgreSQL on the search path, and reports its operands.
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
async fn an_operator_on_a_stored_search_path_is_not_used_by_requests() {
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

/// Operators that come before those of PostgreSQL on the search path, and raise an error when they are called.
const TRAPS: &str = "
    create schema traps;
    grant usage on schema traps to public;
    create function traps.same(text, text) returns boolean language plpgsql as $$
    begin raise exception 'trapped' using errcode = 'TRAP1'; end $$;
    create operator traps.= (leftarg = text, rightarg = text, function = traps.same);
    create function traps.format(text, text) returns text language plpgsql as $$
    begin raise exception 'trapped' using errcode = 'TRAP1'; end $$;
    create function traps.current_setting(text, boolean) returns text language plpgsql as $$
    begin raise exception 'trapped' using errcode = 'TRAP1'; end $$";

const TRAPS_FIRST: &str = "set search_path = traps, pg_catalog";

/// The functions do not set a search path, because setting it costs more time than the functions do.
#[tokio::test]
async fn the_identity_works_with_any_search_path() {
    let fixture = Fixture::new().await;
    fixture.admin.batch_execute(TRAPS).await.expect("traps");

    // A plan made with one search path may be reused with another.
    for path in [TRAPS_FIRST, "set search_path = ''", TRAPS_FIRST, "reset search_path"] {
        fixture.login.batch_execute(path).await.expect(path);
        begin_as(&fixture.login, "alice").await;
        assert_eq!(texts(&fixture.login, "select app.current_user_id()").await, ["alice"], "{path}");
        assert_eq!(
            texts(&fixture.login, "select user_id from app.tasks").await,
            ["alice", "alice"],
            "{path}"
        );
        let created = fixture.login.execute("insert into app.tasks (title) values ('x')", &[]).await;
        assert_eq!(state(created), "00000", "{path}");
        fixture.login.batch_execute("rollback").await.expect("an end");
        let nobody = fixture.login.execute("select app.identify('')", &[]).await;
        assert_eq!(state(nobody), "28000", "{path}");
        assert_eq!(
            texts(&fixture.login, "select coalesce(app.current_user_id(), 'nobody')").await,
            ["nobody"]
        );
    }
}

/// Shows that the operators of these tests do work: an unqualified operator uses them.
#[tokio::test]
async fn the_test_operators_do_mislead_unqualified_names() {
    let fixture = Fixture::new().await;
    fixture.admin.batch_execute(TRAPS).await.expect("traps");
    let migration = include_str!("../../../migrations/V4__cheaper_identity.sql");
    let body = migration.split("$$").nth(1).expect("a body");
    let make = "create or replace function app.identify(user_id text) returns void language plpgsql";

    for (sound, careless) in [("operator(pg_catalog.=)", "="), ("pg_catalog.format(", "format(")] {
        let damage = format!("{make} as $${}$$", body.replace(sound, careless));
        fixture.admin.batch_execute(&damage).await.expect("a function");
        fixture.login.batch_execute(TRAPS_FIRST).await.expect("a path");
        let outcome = fixture.login.execute("select app.identify('alice')", &[]).await;
        assert_eq!(state(outcome), "TRAP1", "{careless}");
    }
    let damage = "create or replace function app.current_user_id() returns text language sql stable
                as $$ select nullif(current_setting('app.user_id', true), '') $$";
    fixture.admin.batch_execute(damage).await.expect("a function");
    let outcome = fixture.login.execute("select app.current_user_id()", &[]).await;
    assert_eq!(state(outcome), "TRAP1");
}
