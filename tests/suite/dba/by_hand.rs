//! Recipes for an index and a column that no release declares.

use serde_json::json;

use super::recipe::Recipe;
use super::site::{Audit, OWNER, OWNERS, Place, Site};
use crate::database::support::texts;
use crate::world::Person;

/// The verdicts of the findings about `object`.
fn verdicts(audit: &Audit, object: &str) -> Vec<String> {
    let about = |finding: &&String| finding.contains(object);
    audit
        .0
        .iter()
        .filter(about)
        .map(|finding| finding.split(' ').next().expect("a verdict").to_owned())
        .collect()
}

/// Asserts that `rowkeep migrate` leaves the object alone, and that requests are served.
async fn assert_kept(place: &Place<'_>, exists: &str) {
    let repaired = place.rowkeep(&["migrate", "--reapply-policies"], OWNER).await;
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    assert_eq!(texts(&place.superuser, exists).await, ["1"]);
    place.assert_sound().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_index_made_by_hand_is_no_drift_once_it_is_declared_as_wanted() {
    for login in OWNERS {
        let place = Site::shared().await.with_tasks().await;
        let mut recipe = Recipe::of("Add an index");
        let (make, invalid, accept) = (recipe.sql(), recipe.sql(), recipe.sql());

        place.psql(login, &[], &make).await.expect("an index");

        assert_eq!(verdicts(&place.audit().await, "tasks_updated_idx"), ["FAIL"], "{login}");
        place
            .superuser
            .batch_execute("set enable_seqscan = off; set enable_sort = off")
            .await
            .expect("settings");
        let plan = "explain select * from app.tasks where user_id = 'alice' order by updated_at desc";
        let plan = texts(&place.superuser, plan).await.join("\n");
        assert!(plan.contains("tasks_updated_idx") && !plan.contains("Filter"), "{login}: {plan}");
        let none = place.psql(login, &[], &invalid).await.expect("a list");
        assert!(none.contains("(0 rows)"), "{none}");
        place.psql(login, &[], &accept).await.expect("acceptances");
        assert_eq!(verdicts(&place.audit().await, "tasks_updated_idx"), ["ACCEPTED"], "{login}");
        let exists = "select count(*)::text from pg_class where relname = 'tasks_updated_idx'";
        assert_kept(&place, exists).await;
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_column_added_by_hand_is_no_drift_and_no_answer_shows_it() {
    for login in OWNERS {
        let place = Site::shared().await.with_tasks().await;
        let server = place.server().await;
        let alice = Person::new(server.address, "alice");
        let before = alice.get("/api/tasks").await;
        let mut recipe = Recipe::of("Add a column");

        place.psql(login, &[], &recipe.sql()).await.expect("a column");

        // Also a server that was running, with its prepared statements.
        assert_eq!(alice.get("/api/tasks").await.json(), before.json(), "{login}");
        assert_eq!(alice.post("/api/tasks", json!({ "title": "after it" })).await.status(), 201);
        assert_eq!(verdicts(&place.audit().await, "own_priority"), ["ACCEPTED"], "{login}");
        let stamps = "select concat_ws(' ', id, updated_at) from app.tasks order by id";
        let unmoved = texts(&place.superuser, stamps).await;
        let filled = place.psql(login, &[], &recipe.sql()).await.expect("values");
        assert!(filled.contains("UPDATE 10\n"), "{login}: {filled}");
        assert_eq!(texts(&place.superuser, stamps).await, unmoved, "{login}");
        assert_eq!(place.protection().await, ["t O"], "{login}");
        let exists = "select count(*)::text from pg_attribute where attname = 'own_priority'";
        assert_kept(&place, exists).await;
    }
}
