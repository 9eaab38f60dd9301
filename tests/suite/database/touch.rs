//! The trigger: no client sets time stamps, and no task changes its user.

use super::support::{Fixture, begin_as, state, texts};

const STAMPS: &str = "select concat_ws(' ', created_at, updated_at) from app.tasks where id = ";

#[tokio::test]
async fn a_new_task_has_equal_time_stamps() {
    let fixture = Fixture::new().await;
    let before = texts(&fixture.admin, "select clock_timestamp()::text").await;

    begin_as(&fixture.login, "bob").await;
    fixture.login.execute("insert into app.tasks (title) values ('x')", &[]).await.expect("a task");
    let check = format!(
        "select (created_at = updated_at and created_at between '{}' and clock_timestamp())::text
           from app.tasks where title = 'x'",
        before[0]
    );

    assert_eq!(texts(&fixture.login, &check).await, ["true"]);
}

#[tokio::test]
async fn time_stamps_in_an_insert_are_overwritten() {
    let fixture = Fixture::new().await;

    let insert = "insert into app.tasks (user_id, title, created_at, updated_at)
                  values ('alice', 'old', 'epoch', 'infinity')";
    fixture.admin.batch_execute(insert).await.expect("a task");

    let check = "select (created_at = updated_at and created_at > now() - interval '1 minute')::text
                   from app.tasks where title = 'old'";
    assert_eq!(texts(&fixture.admin, check).await, ["true"]);
}

#[tokio::test]
async fn a_time_stamp_in_an_update_is_overwritten() {
    let fixture = Fixture::new().await;

    let update = "update app.tasks set updated_at = 'epoch' where user_id = 'alice'";
    fixture.admin.batch_execute(update).await.expect("a change");

    let check = "select bool_and(updated_at > created_at)::text from app.tasks where user_id = 'alice'";
    assert_eq!(texts(&fixture.admin, check).await, ["true"]);
}

#[tokio::test]
async fn a_change_moves_updated_at_forward_and_nothing_else() {
    let fixture = Fixture::new().await;
    let before = format!(
        "create temp table before as select * from app.tasks; update app.tasks set title = 'new' where id = {}",
        fixture.alices[0]
    );

    fixture.admin.batch_execute(&before).await.expect("a change");

    let moved = "select t.id::text from app.tasks t join before b using (id, user_id, created_at)
                  where t.updated_at > b.updated_at";
    assert_eq!(texts(&fixture.admin, moved).await, [fixture.alices[0].to_string()]);
    let same = "select count(*)::text from app.tasks join before using (id, user_id, created_at, updated_at)";
    assert_eq!(texts(&fixture.admin, same).await, ["3"]);
}

#[tokio::test]
async fn an_update_without_a_change_does_not_move_updated_at() {
    let fixture = Fixture::new().await;
    let look = format!("{STAMPS}{}", fixture.bobs[0]);
    let before = texts(&fixture.admin, &look).await;

    fixture
        .bob_runs("update app.tasks set title = title, description = description, completed = completed")
        .await;

    assert_eq!(texts(&fixture.admin, &look).await, before);
}

/// The clock can be set back, and two changes can fall into one microsecond.
#[tokio::test]
async fn updated_at_moves_strictly_forward_whatever_the_clock_says() {
    let fixture = Fixture::new().await;
    let [task, _] = fixture.alices;
    let ahead = format!(
        "set session_replication_role = replica;
         update app.tasks set updated_at = 'tomorrow' where id = {task};
         set session_replication_role = origin;
         create temp table before as select * from app.tasks;
         update app.tasks set completed = not completed where id = {task};
         update app.tasks set completed = not completed where id = {task}"
    );

    fixture.admin.batch_execute(&ahead).await.expect("changes");

    let moved = format!(
        "select (t.updated_at - b.updated_at)::text from app.tasks t join before b using (id) where id = {task}"
    );
    assert_eq!(texts(&fixture.admin, &moved).await, ["00:00:00.000002"]);
}

#[tokio::test]
async fn not_even_a_superuser_gives_a_task_to_another_user() {
    let fixture = Fixture::new().await;
    let before = fixture.stored("alice").await;

    for set in ["user_id = 'bob'", "id = default", "created_at = 'epoch'", "created_at = now()"] {
        let outcome = fixture.admin.execute(&format!("update app.tasks set {set}"), &[]).await;
        assert_eq!(state(outcome), "42501", "{set}");
    }

    assert_eq!(fixture.stored("alice").await, before);
}

#[tokio::test]
async fn ids_ascend_with_creation_and_javascript_can_hold_them() {
    let fixture = Fixture::new().await;
    assert!(
        fixture.alices[0] < fixture.alices[1] && fixture.alices[1] < fixture.bobs[0],
        "{:?}",
        fixture.alices
    );

    let last = (1_i64 << 53) - 1;
    fixture
        .admin
        .batch_execute(&format!("select setval('app.tasks_id_seq', {last}, false)"))
        .await
        .expect("a far future");

    assert_eq!(super::support::creates(&fixture.login, "bob", "the last").await, last);
    // sequence_generator_limit_exceeded
    assert_eq!(fixture.bob_runs("insert into app.tasks (title) values ('one more')").await, "2200H");
}

#[tokio::test]
async fn an_insert_cannot_choose_an_id_by_mistake() {
    let fixture = Fixture::new().await;

    let insert = "insert into app.tasks (user_id, id, title) values ('alice', 7, 'x')";

    // generated_always
    assert_eq!(state(fixture.admin.execute(insert, &[]).await), "428C9");
}
