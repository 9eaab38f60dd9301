//! What an adopted task is, and what its user sees of it.

use serde_json::json;

use super::old_server::OldServer;
use crate::database::support::texts;
use crate::world::World;

#[tokio::test]
async fn every_id_every_text_and_every_time_stamp_is_kept() {
    let old = OldServer::with(
        "create table public.tasks (id bigint, user_id text, title text, description text, completed boolean,
                                    created_at timestamptz, updated_at timestamptz);
         insert into public.tasks values
            (2,    '  spaces ',  '  not trimmed ', E'line\\nline\\\\', true,
             '0001-01-01 00:00:00+00',           '9999-12-29 23:59:59.999999+00'),
            (7,    'O''Brien \"x\"', U&'\\00E9 e\\0301 \\+01F600', '', false,
             '2026-03-29 02:30:00.000001+02',    '2026-03-29 01:00:00+02'),
            (9007199254740990, '\u{212b}', repeat(U&'\\+01F600', 200), repeat('d', 1000), false,
             '1969-12-31 23:59:59.999999+00',    '2026-01-01 00:00:00+00');",
    )
    .await;

    old.adopts().await;

    let same = "select count(*)::text
                  from app.tasks t
                  join public.tasks o on (t.id, t.user_id, t.title, t.description, t.completed, t.created_at, t.updated_at)
                      is not distinct from (o.id, o.user_id, o.title, o.description, o.completed, o.created_at, o.updated_at)";
    assert_eq!(texts(&old.admin, same).await, ["3"]);
    assert_eq!(old.tasks().await.len(), 3);
}

/// `datetime.utcnow()` has no zone, and SQLModel stores it without one.
#[tokio::test]
async fn a_time_stamp_without_a_zone_is_read_as_utc() {
    let old = OldServer::new().await;
    let zone = format!("alter database {} set timezone = 'Asia/Tokyo'", old.database.name);
    old.admin.batch_execute(&zone).await.expect("a time zone");

    let ended = old.adopts().await;

    assert!(
        ended.out.contains("created_at  <- created_at timestamp without time zone, read as UTC"),
        "{ended:?}"
    );
    let created = "select (created_at at time zone 'UTC')::text from app.tasks where id = 3";
    assert_eq!(texts(&old.admin, created).await, ["2026-01-10 09:30:00.123456"]);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn text_integer_and_uuid_users_get_the_ids_that_tokens_have() {
    let table = |name: &str, kind: &str, id: i32, user: &str| {
        format!(
            "create table public.{name} (id int, user_id {kind}, title text, completed boolean, created_at timestamp);
             insert into public.{name} values ({id}, '{user}', 'x', false, '2026-01-01');"
        )
    };
    let old = OldServer::with(
        &[
            table("with_text", "varchar(64)", 1, "Qm3xLAw8rYb0c2p6"),
            table("with_integer", "integer", 2, "42"),
            table("with_bigint", "bigint", 3, "9223372036854775807"),
            table("with_uuid", "uuid", 4, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
        ]
        .concat(),
    )
    .await;

    for name in ["with_text", "with_integer", "with_bigint", "with_uuid"] {
        old.applies(name, &[]).await;
    }

    let users = texts(&old.admin, "select user_id from app.tasks order by id").await;
    assert_eq!(
        users,
        ["Qm3xLAw8rYb0c2p6", "42", "9223372036854775807", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
    );
}

#[tokio::test]
async fn each_user_sees_exactly_their_adopted_tasks_over_http() {
    let OldServer { database, .. } = {
        let old = OldServer::new().await;
        old.adopts().await;
        old
    };
    let world = World::on(database, &[]).await;

    let (alices, bobs) =
        (world.user("alice").get("/api/tasks").await, world.user("bob").get("/api/bob/tasks").await);

    let expected = json!([
        { "id": 4, "user_id": "alice", "title": "call mum", "description": "about tea", "completed": true,
          "created_at": "2026-01-11T09:30:00.000000Z", "updated_at": "2026-01-12T10:00:00.000000Z" },
        { "id": 3, "user_id": "alice", "title": "buy milk", "description": null, "completed": false,
          "created_at": "2026-01-10T09:30:00.123456Z", "updated_at": "2026-01-10T09:30:00.123456Z" },
    ]);
    assert_eq!(alices.json(), expected);
    assert_eq!((bobs.ids(), bobs.json()[0]["description"].as_str()), (vec![9], Some("")));
    assert_eq!(world.user("carol").get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn a_change_of_an_adopted_task_moves_updated_at_and_nothing_else() {
    let old = OldServer::new().await;
    old.adopts().await;
    let world = World::on(old.database, &[]).await;

    let changed = world.user("alice").put("/api/tasks/3", json!({ "title": "buy more milk" })).await.json();

    assert_eq!(changed["created_at"], "2026-01-10T09:30:00.123456Z");
    assert!(changed["updated_at"].as_str() > Some("2026-01-10T09:30:00.123456Z"), "{changed}");
}

#[tokio::test]
async fn a_new_task_gets_an_id_after_the_last_adopted_one() {
    let old = OldServer::new().await;
    old.adopts().await;
    let world = World::on(old.database, &[]).await;

    let created = world.user("alice").post("/api/tasks", json!({ "title": "new" })).await;

    assert!(created.json()["id"].as_i64() > Some(9), "{created:?}");
}
