//! Tables that SQLModel itself made, as FastAPI back ends have them: `tests/sqlmodel/old_server.py`.

use std::path::Path;

use super::old_server::OldServer;
use crate::database::support::texts;
use crate::world::World;

async fn made_by_sqlmodel() -> OldServer {
    let old = OldServer::with("").await;
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sqlmodel/bin/python");
    assert!(python.exists(), "SQLModel is not installed: run `.ci/sqlmodel`");
    let url = old.database.url("postgres");
    let socket = url.split('\'').nth(1).expect("a directory");
    let url = format!("postgresql+psycopg://postgres@/{}?host={socket}&port=5432", old.database.name);

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sqlmodel/old_server.py");
    let output = tokio::process::Command::new(python).args(["-W", "ignore", script, &url]).output().await;
    let output = output.expect("Python");
    assert!(output.status.success(), "{output:?}");
    old
}

#[tokio::test]
#[ignore = "needs SQLModel: `make test-all`"]
async fn tables_that_sqlmodel_made_are_adopted_with_every_value() {
    let old = made_by_sqlmodel().await;

    let tasks = old.adopts().await;
    let owners = ["--user-column", "owner_id", "--completed-column", "is_completed"];
    let (task, todo) = (old.applies("public.task", &owners).await, old.applies("todo", &[]).await);

    assert!(tasks.out.contains("copied    500 tasks"), "{tasks:?}");
    assert!(tasks.out.contains("title       <- title character varying(200)\n"), "{tasks:?}");
    assert!(tasks.out.contains("created_at timestamp without time zone, read as UTC"), "{tasks:?}");
    assert!(tasks.out.contains("ignored   priority"), "{tasks:?}");
    assert!(
        task.out.contains("copied    3 tasks") && todo.out.contains("copied    3 tasks"),
        "{task:?}\n{todo:?}"
    );
    let differing = "
        select id::text from app.tasks t
         where not exists (
               select from (select id, user_id, title, description, completed, created_at, updated_at from public.tasks
                            union all
                            select id, owner_id::text, title, description, is_completed, created_at at time zone 'UTC',
                                   created_at at time zone 'UTC' from public.task
                            union all
                            select id, user_id::text, title, null, completed, created_at, created_at from public.todo) o
                where (o.id, o.user_id, o.title, o.description, o.completed) is not distinct from
                      (t.id, t.user_id, t.title, t.description, t.completed)
                  and (o.created_at, o.updated_at) = (t.created_at at time zone 'UTC', t.updated_at at time zone 'UTC'))";
    assert_eq!(texts(&old.admin, differing).await, [""; 0]);
    assert_eq!(old.tasks().await.len(), 506);
}

#[tokio::test]
#[ignore = "needs SQLModel: `make test-all`"]
async fn users_of_an_sqlmodel_server_see_their_tasks() {
    let old = made_by_sqlmodel().await;
    old.adopts().await;
    let world = World::on(old.database, &[]).await;

    let mut seen = 0;
    for user in ["Qm3xLAw8rYb0c2p6", "o'brien@example.org", "42"] {
        let list = world.user(user).get("/api/tasks").await.json();
        let list = list.as_array().expect("a list");
        assert!(list.iter().all(|task| task["user_id"] == user), "{user}");
        seen += list.len();
    }

    assert_eq!(seen, 500);
}
