//! The proofs of pgrls about the policies. They hold for any rows.

use serde_json::{Value, json};

use super::program::{CONFIG, Deployment, Report, pgrls};
use crate::world::Database;

/// The prover takes the result of the function as the identity of the user. The tests in `database/` show that it is.
async fn proof(url: &str, mode: &str) -> Report {
    let identity = "--auth-function=app.current_user_id";
    pgrls(url, &["verify", CONFIG, identity, "--strict", "--mode", mode]).await
}

/// A session without an identity reads nothing. No user reads or writes rows of another user, or gives a row away.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn pgrls_proves_that_users_reach_only_their_own_rows() {
    let deployment = Deployment::new().await;

    for mode in ["anon", "cross-tenant", "write"] {
        let report = proof(&deployment.url(), mode).await;

        // The name matters, because the prover skips tables without row-level security.
        assert_eq!(verdicts(&report), [json!(["app.tasks", "isolated"])], "{mode}: {report:#?}");
        assert!(report.passed, "{mode}");
    }
}

/// There is no way to become the owner, and no SECURITY DEFINER function or view that reads the tables.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn pgrls_finds_no_object_that_bypasses_the_policies() {
    let deployment = Deployment::new().await;

    // app.accepted() reads a table with row-level security, and gives away no row of a user.
    for (mode, found) in [("escalation", &[json!(["app.accepted", "isolated"])][..]), ("reachability", &[])] {
        let report = proof(&deployment.url(), mode).await;

        assert_eq!(verdicts(&report), found, "{mode}: {report:#?}");
        assert!(report.passed, "{mode}");
    }
}

#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn pgrls_finds_each_hole() {
    let own = "user_id = app.current_user_id()";
    let definer = "returns setof app.tasks language sql security definer set search_path = ''";
    for (mode, leaking, damage) in [
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
        database.superuser().await.batch_execute(&damage).await.expect("a damaged database");

        let report = proof(&database.url("postgres"), mode).await;

        assert!(verdicts(&report).contains(&json!([leaking, "leak"])), "{mode}: {report:#?}");
        assert!(!report.passed, "{mode}");
    }
}

/// The fence alone prevents that this policy becomes a hole.
#[tokio::test]
#[ignore = "needs pgrls on Python: `make test-all`"]
async fn an_added_policy_opens_nothing_beside_the_fence() {
    let database = Database::new().await;
    let oops = "create policy oops on app.tasks for select to rowkeep_api using (completed)";
    database.superuser().await.batch_execute(oops).await.expect("a policy");

    let report = proof(&database.url("postgres"), "anon").await;

    assert_eq!(verdicts(&report), [json!(["app.tasks", "isolated"])], "{report:#?}");
}

/// Each table with its verdict.
fn verdicts(report: &Report) -> Vec<Value> {
    let tables = report.json["tables"].as_array().expect("tables");
    tables.iter().map(|table| json!([table["table"], table["verdict"]])).collect()
}
