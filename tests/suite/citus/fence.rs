//! Citus copies a restrictive policy as a permissive one. Then one mistaken policy shows every row.

use std::collections::BTreeSet;
use std::time::Duration;

use rowkeep::audit::audit;
use rowkeep::session::connect_once;

use super::{LOSE_FENCE, on_shard, placed, with_tasks, without_event_triggers, world};
use crate::database::support::begin_as;
use crate::world::{Citus, Database, OwnCluster};

const MISTAKE: &str = "create policy mistake on app.tasks for select to rowkeep_api using (true)";

/// The users whose rows a session of this user sees, without a filter.
async fn seen_by(database: &Database, user: &str) -> BTreeSet<String> {
    let client = database.client("rowkeep_login").await;
    client.batch_execute("set citus.propagate_set_commands = 'local'").await.expect("a setting");
    begin_as(&client, user).await;
    let rows = client.query("select distinct user_id from app.tasks", &[]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_mistaken_policy_shows_nobody_another_users_rows() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = database.superuser().await;

    coordinator.batch_execute(MISTAKE).await.expect("a policy");

    assert_eq!(seen_by(&database, "user1").await, ["user1".to_owned()].into());
    assert_eq!(seen_by(&database, "nobody").await, BTreeSet::new());

    // It proves something: without the fence the same policy shows every row.
    without_event_triggers(citus, &database).await;
    on_shard(&coordinator, &placed(&coordinator, "user1").await, LOSE_FENCE).await;
    assert!(seen_by(&database, "nobody").await.contains("user1"));
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_shard_that_lost_its_fence_is_named_and_refused_until_it_is_restored() {
    let Some((citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let lost = placed(&coordinator, "user1").await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
    without_event_triggers(citus, &world.database).await;

    on_shard(&coordinator, &lost, LOSE_FENCE).await;

    tokio::time::sleep(Duration::from_secs(1)).await; // the last look is used again until then
    assert_eq!(world.anonymous().get("/health").await.status(), 503);
    let line = world.server.logs(|event| event["message"] == "unhealthy").await;
    let problem = line["error.message"].as_str().expect("a text").to_owned();
    assert!(
        problem.starts_with(&format!("node {}: app.tasks_{}: ", lost.address(), lost.shard)),
        "{problem}"
    );
    let report = audit(&world.database.address("rowkeep_login")).await.expect("a report").to_string();
    let finding = format!("RK-341 shards      app.tasks_{} on {}: policy fence", lost.shard, lost.address());
    assert!(report.contains(&format!("FAIL     {finding}")), "{report}");

    citus.coordinator().runs(&world.database.name, "restore_fence", &[]).await;

    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn other_losses_of_a_shard_are_seen_by_health_and_audit() {
    let Some((_citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let lost = placed(&coordinator, "user1").await;

    for (loss, undo) in [
        ("alter table SHARD no force row level security", "alter table SHARD force row level security"),
        ("alter table SHARD disable row level security", "alter table SHARD enable row level security"),
        ("alter table SHARD disable trigger user", "alter table SHARD enable trigger user"),
        ("alter table SHARD owner to postgres", "alter table SHARD owner to rowkeep_owner"),
        ("revoke select on SHARD from rowkeep_api", "grant select on SHARD to rowkeep_api"),
        ("revoke insert (title) on SHARD from rowkeep_api", "grant insert (title) on SHARD to rowkeep_api"),
        (
            "revoke insert (user_id) on SHARD from rowkeep_api",
            "grant insert (user_id) on SHARD to rowkeep_api",
        ),
        (
            "revoke update (completed) on SHARD from rowkeep_api",
            "grant update (completed) on SHARD to rowkeep_api",
        ),
    ] {
        on_shard(&coordinator, &lost, loss).await;

        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.anonymous().get("/health").await.status(), 503, "{loss}");
        let report = audit(&world.database.address("rowkeep_login")).await.expect("a report").to_string();
        assert!(
            report.contains(&format!("FAIL     RK-341 shards      app.tasks_{} on", lost.shard)),
            "{report}"
        );

        on_shard(&coordinator, &lost, undo).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

/// What somebody does on one node, how it is undone, and what the audit says of it.
const ON_ONE_NODE: [(&str, &str, &str); 12] = [
    (
        "drop policy owner_only on SHARD",
        "create policy owner_only on SHARD to rowkeep_api using (user_id = app.current_user_id()) \
         with check (user_id = app.current_user_id())",
        "FAIL RK-341 shards SHARD on NODE: policy owner_only (definition none): missing",
    ),
    (
        "create policy spy on SHARD using (true)",
        "drop policy spy on SHARD",
        "FAIL RK-341 shards SHARD on NODE: policy spy (definition b15bc406): permissive for all to public using true",
    ),
    (
        "grant select on SHARD to rowkeep_auditor",
        "revoke select on SHARD from rowkeep_auditor",
        "FAIL RK-341 shards SHARD on NODE: privileges",
    ),
    (
        "alter table SHARD drop constraint tasks_title_length",
        "alter table SHARD add constraint tasks_title_length check (char_length(title) between 1 and 200)",
        "FAIL RK-341 shards SHARD on NODE: constraint tasks_title_length (definition none): missing",
    ),
    (
        "create index by_hand on SHARD (title)",
        "drop index app.by_hand",
        "FAIL RK-341 shards SHARD on NODE: index btree (title)",
    ),
    (
        "create function public.peek() returns setof text language sql security definer as 'select title from SHARD'",
        "drop function public.peek()",
        "FAIL RK-341 shards public.peek() on NODE: function",
    ),
    (
        "create view app.peek as select * from SHARD",
        "drop view app.peek",
        "FAIL RK-341 shards app.peek on NODE: kind",
    ),
    (
        "create view public.peek as select * from SHARD",
        "drop view public.peek",
        "FAIL RK-341 shards public.peek on NODE: view",
    ),
    (
        "create table public.copied as table SHARD",
        "drop table public.copied",
        "FAIL RK-341 shards public.copied on NODE: copy",
    ),
    (
        "grant create on schema app to rowkeep_auditor",
        "revoke create on schema app from rowkeep_auditor",
        "FAIL RK-341 shards app on NODE: schema",
    ),
    (
        "alter role rowkeep_auditor in database DATABASE set app.user_id = 'user1'",
        "alter role rowkeep_auditor in database DATABASE reset app.user_id",
        "FAIL RK-341 shards rowkeep_auditor on NODE: setting app.user_id (definition 24c9e15e): user1",
    ),
    (
        "alter function app.current_user_id() owner to postgres",
        "alter function app.current_user_id() owner to rowkeep_owner",
        "FAIL RK-341 shards app.current_user_id() on NODE: function",
    ),
];

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn what_is_done_by_hand_on_one_node_is_named_by_the_audit() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = database.superuser().await;
    let lost = placed(&coordinator, "user1").await;
    let named = |text: &str| {
        text.replace("SHARD", &format!("app.tasks_{}", lost.shard))
            .replace("NODE", &lost.address())
            .replace("DATABASE", &database.name)
    };
    let report = async || {
        let report = audit(&database.address("rowkeep_login")).await.expect("a report").to_string();
        report.split_whitespace().collect::<Vec<_>>().join(" ")
    };

    let node = citus.workers().iter().find(|worker| worker.name() == lost.address()).expect("a worker");
    let node = connect_once(&node.address("postgres", &database.name)).await.expect("a connection");
    let by_hand = "set citus.enable_ddl_propagation = off; set citus.enable_manual_changes_to_shards = on";
    node.batch_execute(by_hand).await.expect("settings");

    for (damage, undo, finding) in ON_ONE_NODE {
        node.batch_execute(&named(damage)).await.expect(damage);

        let found = report().await;
        assert!(found.contains(&named(finding)), "{damage}: {found}");
        assert_eq!(found.matches("FAIL RK-341").count(), 1, "one cause is one FAIL: {damage}: {found}");

        node.batch_execute(&named(undo)).await.expect(undo);
    }
    assert!(report().await.contains("OK RK-341 shards 32 shards on 2 nodes"), "{}", report().await);
}

const QUESTION: &str = include_str!("../../../sql/audit/shared/node_question.sql");

/// A node can be without the roles and the schema of Rowkeep.
#[tokio::test]
async fn what_nodes_are_asked_can_be_asked_where_nothing_of_rowkeep_is() {
    let cluster = OwnCluster::start().await;
    let node = cluster.superuser("postgres").await;
    let function = "create function public.peek() returns int language sql security definer as 'select 1'";
    node.batch_execute(function).await.expect("a function");

    let question = QUESTION.split("$$").nth(1).expect("a question");
    let answer = node.query_one(&format!("select answer::text from ({question}) q"), &[]).await;

    let answer: String = answer.expect("an answer").get(0);
    assert!(answer.contains(r#""keeps_fence": false"#), "{answer}");
}

/// All shards lose the same: that is one cause.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_loss_of_every_shard_is_one_finding() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = database.superuser().await;
    let lose = "select count(*) from run_command_on_placements('app.tasks', 'alter table %s no force row level security') r
                 where r.success";
    assert_eq!(coordinator.query_one(lose, &[]).await.expect("a loss").get::<_, i64>(0), 32);

    let report = audit(&database.address("rowkeep_login")).await.expect("a report");

    let failing = report.failing();
    assert!(failing.iter().any(|fact| fact.contains("and 31 more on")), "{failing:?}");
    assert_eq!(failing.iter().filter(|fact| fact.starts_with("RK-341")).count(), 1, "{failing:?}");
}

/// The server does not start with it, so nobody can say that it is all right.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_lost_fence_of_a_shard_cannot_be_accepted() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let coordinator = database.superuser().await;
    without_event_triggers(citus, &database).await;
    on_shard(&coordinator, &placed(&coordinator, "user1").await, LOSE_FENCE).await;
    let report = audit(&database.address("postgres")).await.expect("a report");
    let lost = report.facts.iter().find(|fact| fact.id == "RK-341").expect("a finding");

    let accept = "insert into rowkeep.accepted (id, subject, why, who) values ($1, $2, 'a test', 'me')";
    coordinator.execute(accept, &[&lost.id, &lost.subject]).await.expect("a row");

    let report = audit(&database.address("postgres")).await.expect("a report");
    assert_eq!(report.isolation(), "NOT HELD", "{report}");
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_node_that_does_not_keep_the_fence_by_itself_is_named_by_the_audit() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let [first, rest @ ..] = citus.workers() else { panic!("no workers") };
    let worker = connect_once(&first.address("postgres", &database.name)).await.expect("a connection");
    // The event trigger stays, and does nothing.
    let emptied = "set citus.enable_ddl_propagation = off;
                   create or replace function rowkeep_node.keep_fence() returns event_trigger language plpgsql as 'begin end'";
    worker.batch_execute(emptied).await.expect("an empty function");
    let report = audit(&database.address("rowkeep_login")).await.expect("a report").to_string();
    assert!(
        report.contains(&format!("NOTE     RK-344 shards      {} does not keep", first.name())),
        "{report}"
    );
    assert!(
        rest.iter().all(|other| !report.contains(&format!("{} does not keep", other.name()))),
        "{report}"
    );

    without_event_triggers(citus, &database).await;

    let report = audit(&database.address("rowkeep_login")).await.expect("a report").to_string();
    for worker in citus.workers() {
        let finding = format!("NOTE     RK-344 shards      {} does not keep the fence", worker.name());
        assert!(report.contains(&finding), "{report}");
    }
}

/// From PostgreSQL 17 on, a setting can turn off every event trigger.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn the_script_does_not_rely_on_event_triggers_that_are_turned_off() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;
    let release = "select current_setting('server_version_num')::integer";
    let release: i32 = database.superuser().await.query_one(release, &[]).await.expect("a release").get(0);
    if release < 170_000 {
        return;
    }
    for worker in citus.workers() {
        let admin = connect_once(&worker.address("postgres", "postgres")).await.expect("a connection");
        let off = format!("alter database {} set event_triggers = off", database.name);
        admin.batch_execute(&off).await.expect("a setting");
    }

    let said = citus.coordinator().runs(&database.name, "citus", &[]).await;

    for worker in citus.workers() {
        let line = format!("{} keeps the fence: NO, event_triggers is off there", worker.name());
        assert!(said.contains(&line), "{said}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn the_audit_of_a_distributed_database_has_no_finding_that_fails() {
    let Some(citus) = Citus::at_hand().await else { return };
    let database = with_tasks(citus).await;

    for login in ["rowkeep_login", "postgres"] {
        let report = audit(&database.address(login)).await.expect("a report");

        assert_eq!(report.failing(), [""; 0], "{login}:\n{report}");
        let text = report.to_string();
        assert!(text.contains("OK       RK-341 shards      32 shards on 2 nodes"), "{text}");
        assert!(text.contains("OK       RK-344 shards      every node keeps the fence"), "{text}");
        assert!(text.contains("isolation: HELD"), "{text}");
    }
}
