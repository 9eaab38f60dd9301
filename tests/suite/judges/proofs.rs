//! What pgrls proves of the policies, for whatever rows there may be.

use serde_json::{Value, json};

use super::pgrls::{Deployment, Report, TOLD, pgrls};
use crate::world::Database;

/// The prover takes the function's answer for the user's identity. That it is, is what the tests of `database/` are about.
async fn proof(url: &str, mode: &str) -> Report {
    let identity = "--auth-function=app.current_user_id";
    pgrls(url, &["verify", TOLD, identity, "--strict", "--mode", mode]).await
}

/// A request that has not said whose it is reads nothing; nobody reads what another user has; nobody writes it, or hands
/// a row to another user.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn it_is_proven_that_nobody_gets_past_their_own_rows() {
    let deployment = Deployment::new().await;

    for mode in ["anon", "cross-tenant", "write"] {
        let report = proof(&deployment.url(), mode).await;

        // By name: a table without row security is none of the prover's.
        assert_eq!(verdicts(&report), [json!(["app.tasks", "isolated"])], "{mode}: {report:#?}");
        assert!(report.passed, "{mode}");
    }
}

/// Neither becoming the owner, nor a function that runs as somebody else, nor a view.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn there_is_no_way_around_the_policies_to_prove_anything_of() {
    let deployment = Deployment::new().await;

    for mode in ["escalation", "reachability"] {
        let report = proof(&deployment.url(), mode).await;

        assert_eq!(verdicts(&report), [json!(null); 0], "{mode}: {report:#?}");
        assert!(report.passed, "{mode}");
    }
}

#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn the_prover_finds_the_hole() {
    let own = "user_id = app.current_user_id()";
    let definer = "returns setof app.tasks language sql security definer set search_path = ''";
    for (mode, leaking, harm) in [
        (
            "anon",
            "app.tasks",
            format!(
                "drop policy fence on app.tasks;
                 create policy oops on app.tasks to rowkeep_api
                        using ({own} or app.current_user_id() is null)"
            ),
        ),
        (
            "cross-tenant",
            "app.tasks",
            format!(
                "drop policy fence on app.tasks;
                 create policy oops on app.tasks for select to rowkeep_api using ({own} or completed)"
            ),
        ),
        (
            "write",
            "app.tasks",
            "alter policy fence on app.tasks with check (true);
             alter policy owner_only on app.tasks with check (true)"
                .into(),
        ),
        (
            "escalation",
            "app.everything",
            format!(
                "create function app.everything() {definer} as 'select * from app.tasks';
                 grant execute on function app.everything() to rowkeep_api"
            ),
        ),
        (
            "reachability",
            "app.tasks",
            "create view app.everything as select * from app.tasks;
             grant select on app.everything to rowkeep_api"
                .into(),
        ),
    ] {
        let database = Database::new().await;
        database.superuser().await.batch_execute(&harm).await.expect("a harm");

        let report = proof(&database.url("postgres"), mode).await;

        assert!(verdicts(&report).contains(&json!([leaking, "leak"])), "{mode}: {report:#?}");
        assert!(!report.passed, "{mode}");
    }
}

/// The fence is not for show: it alone keeps this policy from being the hole that it would be without it.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn a_policy_that_is_added_beside_the_fence_opens_nothing() {
    let database = Database::new().await;
    let oops = "create policy oops on app.tasks for select to rowkeep_api using (completed)";
    database.superuser().await.batch_execute(oops).await.expect("a policy");

    let report = proof(&database.url("postgres"), "anon").await;

    assert_eq!(verdicts(&report), [json!(["app.tasks", "isolated"])], "{report:#?}");
}

/// Each table with what is proven of it.
fn verdicts(report: &Report) -> Vec<Value> {
    let tables = report.said["tables"].as_array().expect("tables");
    tables.iter().map(|table| json!([table["table"], table["verdict"]])).collect()
}
