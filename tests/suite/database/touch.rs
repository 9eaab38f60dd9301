//! The trigger: no client sets time stamps, and no task changes its user.

use super::support::{Home, begin_as, state, texts};

const STAMPS: &str = "select concat_ws(' ', created_at, updated_at) from app.tasks where id = ";

#[tokio::test]
async fn a_new_task_has_equal_time_stamps() {
    let home = Home::new().await;
    let before = texts(&home.admin, "select clock_timestamp()::text").await;

    begin_as(&home.login, "bob").await;
    home.login.execute("insert into app.tasks (title) values ('x')", &[]).await.expect("a task");
    let check = format!(
        "select (created_at = updated_at and created_at between '{}' and clock_timestamp())::text
           from app.tasks where title = 'x'",
        before[0]
    );

    assert_eq!(texts(&home.login, &check).await, ["true"]);
}

#[tokio::test]
async fn time_stamps_in_an_insert_are_overwritten() {
    let home = Home::new().await;

    let insert = "insert into app.tasks (user_id, title, created_at, updated_at)
                  values ('alice', 'old', 'epoch', 'infinity')";
    home.admin.batch_execute(insert).await.expect("a task");

    let check = "select (created_at = updated_at and created_at > now() - interval '1 minute')::text
                   from app.tasks where title = 'old'";
    assert_eq!(texts(&home.admin, check).await, ["true"]);
}

#[tokio::test]
async fn a_time_stamp_in_an_update_is_overwritten() {
    let home = Home::new().await;

    let update = "update app.tasks set updated_at = 'epoch' where user_id = 'alice'";
    home.admin.batch_execute(update).await.expect("a change");

    let check = "select bool_and(updated_at > created_at)::text from app.tasks where user_id = 'alice'";
    assert_eq!(texts(&home.admin, check).await, ["true"]);
}

#[tokio::test]
async fn a_change_moves_updated_at_forward_and_nothing_else() {
    let home = Home::new().await;
    let before = format!(
        "create temp table before as select * from app.tasks; update app.tasks set title = 'new' where id = {}",
        home.alices[0]
    );

    home.admin.batch_execute(&before).await.expect("a change");

    let moved = "select t.id::text from app.tasks t join before b using (id, user_id, created_at)
                  where t.updated_at > b.updated_at";
    assert_eq!(texts(&home.admin, moved).await, [home.alices[0].to_string()]);
    let same = "select count(*)::text from app.tasks join before using (id, user_id, created_at, updated_at)";
    assert_eq!(texts(&home.admin, same).await, ["3"]);
}

#[tokio::test]
async fn an_update_without_a_change_does_not_move_updated_at() {
    let home = Home::new().await;
    let look = format!("{STAMPS}{}", home.bobs[0]);
    let before = texts(&home.admin, &look).await;

    home.bob_runs("update app.tasks set title = title, description = description, completed = completed")
        .await;

    assert_eq!(texts(&home.admin, &look).await, before);
}

/// The clock can be set back, and two changes can fall into one microsecond.
#[tokio::test]
async fn updated_at_moves_strictly_forward_whatever_the_clock_says() {
    let home = Home::new().await;
    let [task, _] = home.alices;
    let ahead = format!(
        "set session_replication_role = replica;
         update app.tasks set updated_at = 'tomorrow' where id = {task};
         set session_replication_role = origin;
         create temp table before as select * from app.tasks;
         update app.tasks set completed = not completed where id = {task};
         update app.tasks set completed = not completed where id = {task}"
    );

    home.admin.batch_execute(&ahead).await.expect("changes");

    let moved = format!(
        "select (t.updated_at - b.updated_at)::text from app.tasks t join before b using (id) where id = {task}"
    );
    assert_eq!(texts(&home.admin, &moved).await, ["00:00:00.000002"]);
}

#[tokio::test]
async fn not_even_a_superuser_gives_a_task_to_another_user() {
    let home = Home::new().await;
    let before = home.stored("alice").await;

    for set in ["user_id = 'bob'", "id = default", "created_at = 'epoch'", "created_at = now()"] {
        let outcome = home.admin.execute(&format!("update app.tasks set {set}"), &[]).await;
        assert_eq!(state(outcome), "42501", "{set}");
    }

    assert_eq!(home.stored("alice").await, before);
}

#[tokio::test]
async fn ids_ascend_with_creation_and_javascript_can_hold_them() {
    let home = Home::new().await;
    assert!(home.alices[0] < home.alices[1] && home.alices[1] < home.bobs[0], "{:?}", home.alices);

    let last = (1_i64 << 53) - 1;
    home.admin
        .batch_execute(&format!("select setval('app.tasks_id_seq', {last}, false)"))
        .await
        .expect("a far future");

    assert_eq!(super::support::creates(&home.login, "bob", "the last").await, last);
    // sequence_generator_limit_exceeded
    assert_eq!(home.bob_runs("insert into app.tasks (title) values ('one more')").await, "2200H");
}

#[tokio::test]
async fn an_insert_cannot_choose_an_id_by_mistake() {
    let home = Home::new().await;

    let insert = "insert into app.tasks (user_id, id, title) values ('alice', 7, 'x')";

    // generated_always
    assert_eq!(state(home.admin.execute(insert, &[]).await), "428C9");
}
