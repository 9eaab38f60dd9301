//! Hidden bypasses: among PostgreSQL's own objects, in extensions, and behind names that resolve to other objects.

use super::mutant::{mutant, try_each};
use super::test_cluster::TestCluster;

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn hidden_code_that_sees_more_than_its_caller_is_reported() {
    let definer = "returns setof text language sql security definer as 'select title from app.tasks'";
    let runs = |name: &str| {
        format!("FAIL function {name} runs as postgres (SECURITY DEFINER), and public may execute it")
    };
    let mutants = vec![
        mutant(format!("create function pg_catalog.peek() {definer}"), &[&runs("peek()")]),
        mutant(format!("create function information_schema.peek() {definer}"), &[&runs("information_schema.peek()")]),
        mutant(
            format!("create function public.peek() {definer}; alter extension plpgsql add function public.peek()"),
            &[&runs("public.peek()")],
        ),
        mutant(
            "create function public.peek() returns setof text language plpgsql security definer as $$
             begin return query execute format('select title from %I.%I', 'a' || 'pp', 'ta' || 'sks'); end $$",
            &[&runs("public.peek()")],
        ),
        mutant("alter function pg_catalog.length(text) leakproof", &["NOTE function length(text) is LEAKPROOF"]).by_hand(),
        mutant(
            "create table public.copied as table app.tasks; grant select on public.copied to rowkeep_api;
             alter extension plpgsql add table public.copied",
            &["FAIL grants select on public.copied to rowkeep_api"],
        ),
    ];

    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_name_that_resolves_to_another_object_is_reported() {
    let evil = "create schema evil;
        create function evil.same(text, text) returns boolean language sql as 'select true';
        create operator evil.= (leftarg = text, rightarg = text, function = evil.same);
        set search_path = evil, pg_catalog;";
    let mutants = vec![
        // PostgreSQL prints it like its own nullif.
        mutant(
            format!(
                "{evil} create or replace function app.current_user_id() returns text language sql stable parallel safe
                 return nullif(current_setting('app.user_id', true), ''); reset search_path"
            ),
            &["FAIL identity function app.current_user_id() uses operator evil.=(text,text)"],
        )
        .by_hand(),
        mutant(
            "create schema evil; do $$ begin
                 execute format('alter database %I set search_path = evil, pg_catalog', current_database());
             end $$",
            &["FAIL settings database .. stores search_path = evil, pg_catalog: operators of other schemas"],
        ),
        mutant(
            "update pg_operator set oprcode = 'textlike'::regproc where oid = '=(text,text)'::regoperator",
            &["FAIL identity operator pg_catalog.=(text,text): not the one that PostgreSQL installs"],
        )
        .by_hand(),
    ];

    for mutant in mutants {
        try_each(TestCluster::shared().await, "migrated", vec![mutant]).await;
    }
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_indirect_way_to_the_rows_is_reported() {
    let mutants = vec![
        mutant(
            "create foreign data wrapper looped; create server looped foreign data wrapper looped;
             grant usage on foreign server looped to rowkeep_api",
            &[
                "FAIL objects rowkeep_api may use foreign server looped",
                "NOTE objects foreign servers: looped",
            ],
        )
        .by_hand(),
        mutant(
            "create table public.diary (line text);
             create rule told as on insert to public.diary do also select title from app.tasks",
            &["FAIL objects table public.diary .. has a rule that reads app"],
        )
        .by_hand(),
        // If a foreign key refers to its own table, two constraints name the index.
        mutant(
            "alter table app.tasks add column parent bigint, add unique (id);
             alter table app.tasks add foreign key (parent) references app.tasks (id)",
            &[
                "FAIL foreign key tasks_parent_fkey on app.tasks: .. without user_id it can show and change rows of other users",
                "FAIL table app.tasks: unique: .. tasks_id_key .. does not begin with user_id",
            ],
        )
        .by_hand(),
    ];

    try_each(TestCluster::shared().await, "migrated", mutants).await;
}
