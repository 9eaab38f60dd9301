//! The recipe for reports about all users.

use super::recipe::Recipe;
use super::site::{Audit, OWNER, OWNERS, Place, Site, assert_same};
use crate::database::support::{state, texts};
use crate::world::{OwnCluster, releases};

/// The blocks: the function, what is accepted, and the way without BYPASSRLS.
fn blocks() -> [String; 3] {
    let mut recipe = Recipe::of("Count for reports");
    [recipe.sql(), recipe.sql(), recipe.sql()]
}

/// What the audit notes, and the recipe accepts. The recipe also accepts the privilege on the schema, so that it is kept.
const GRANTS: [&str; 2] =
    ["select on app.tasks.user_id to reporting", "select on app.tasks.completed to reporting"];

async fn assert_counts(place: &Place<'_>) {
    let analyst = place.client("analyst").await;
    let counts = "select concat_ws(' ', user_id, tasks, completed) from reports.tasks_by_user() order by 1";
    assert_eq!(texts(&analyst, counts).await, ["alice 3 1", "bob 3 1", "carol 3 1"]);
    for forbidden in ["select title from app.tasks", "select user_id from app.tasks", "set role reporting"] {
        assert_eq!(state(analyst.batch_execute(forbidden).await), "42501", "{forbidden}");
    }
}

/// Makes the function as `login`. Returns the audit before it, and the one with everything accepted.
async fn recipe_as(place: &Place<'_>, login: &str) -> (Audit, Audit) {
    let before = place.audit().await;
    let [make, accept, _] = blocks();

    place.psql(login, &[], &make).await.expect("a function");

    assert_counts(place).await;
    let open = place.audit().await;
    for grant in GRANTS {
        assert!(open.0.iter().any(|finding| finding.contains(grant)), "{grant}: {open:?}");
    }
    assert!(
        open.since(&before).iter().all(|finding| finding.contains("report")),
        "{:?}",
        open.since(&before)
    );
    place.psql(login, &[], &accept).await.expect("acceptances");
    let repaired = place.rowkeep(&["migrate", "--reapply-policies"], OWNER).await;
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    assert_counts(place).await;
    (before, place.audit().await)
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_report_counts_for_all_users_and_shows_no_title() {
    let site = Site::on(OwnCluster::start().await, "").await;
    let place = site.with_tasks().await;

    let (before, accepted) = recipe_as(&place, "postgres").await;

    for grant in GRANTS {
        let found: Vec<_> = accepted.0.iter().filter(|finding| finding.contains(grant)).collect();
        assert!(found.len() == 1 && found[0].starts_with("ACCEPTED "), "{grant}: {found:?}");
    }
    let fails: Vec<_> =
        accepted.since(&before).into_iter().filter(|finding| finding.starts_with("FAIL")).collect();
    assert_eq!(fails, [""; 0]);
    assert!(!accepted.0.iter().any(|finding| finding.contains("was not found")), "{accepted:?}");
    place.assert_sound().await;
}

/// As on Neon.
#[tokio::test]
#[ignore = "needs PostgreSQL 16 to 18: `make test-all`"]
async fn an_administrator_with_bypassrls_makes_reports_from_postgresql_16_on() {
    for release in releases().into_iter().filter(|release| *release >= 16) {
        let site = Site::on(OwnCluster::of_release(release).await, "bypassrls").await;
        let place = site.with_tasks().await;

        recipe_as(&place, OWNER).await;
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_administrator_without_bypassrls_cannot_make_the_function_and_counts_in_a_transaction() {
    for login in OWNERS {
        let place = Site::shared().await.with_tasks().await;
        let before = place.audit().await;
        let [make, _, count] = blocks();
        if login == OWNER {
            let refused = place.psql(login, &[], &make).await.expect_err("no such role");
            assert!(refused.contains("bypassrls") || refused.contains("BYPASSRLS"), "{refused}");
        }

        let counted = place.psql(login, &[], &count).await.expect("counts");

        let mut lines: Vec<_> = counted.lines().filter(|line| line.contains(',')).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["alice,3,1", "bob,3,1", "carol,3,1", "user_id,tasks,completed"], "{login}");
        assert_same(&before, &place.audit().await);
    }
}
