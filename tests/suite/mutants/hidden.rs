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
        // It calls a function that reads the rows as its caller.
        mutant(
            "create function public.inner_peek() returns setof text language sql as 'select title from app.tasks';
             create function public.peek() returns setof text language sql security definer as 'select * from public.inner_peek()'",
            &[&runs("public.peek()")],
        ),
        mutant(
            "create function public.peek() returns setof text language sql security definer set search_path = app as
             'select title from/**/tasks'",
            &[&runs("public.peek()")],
        ),
        mutant(
            "create function public.peek(which text) returns void language plpgsql security definer as
             $$ begin execute 'delete from ' || quote_ident(which); end $$",
            &[&runs("public.peek(text)")],
        ),
        // What leads to the rows, or to a login that reads them.
        mutant(
            "create function public.peek() returns setof text language sql security definer as
             'select most_common_vals::text from pg_stats'",
            &[&runs("public.peek()")],
        ),
        mutant(
            "create function public.peek(which name) returns text language sql security definer as
             'select passwd from pg_shadow where usename = which'; create role bouncer login;
             revoke execute on function public.peek(name) from public; grant execute on function public.peek(name) to bouncer",
            &["NOTE function public.peek(name) runs as postgres (SECURITY DEFINER), and bouncer may execute it"],
        )
        .undone_by("drop function public.peek(name); drop role bouncer"),
        // No policy binds the members of rowkeep_api to one user. Its members can become each of them.
        mutant(
            "create role supporter nologin; grant rowkeep_api to supporter;
             create function public.peek(who text) returns setof text language plpgsql security definer as
             $$ begin perform set_config('app.user_id', who, true); return query select title from app.tasks; end $$;
             grant create on schema public to supporter; alter function public.peek(text) owner to supporter",
            &["FAIL function public.peek(text) runs as supporter (SECURITY DEFINER), and public may execute it"],
        )
        .undone_by("drop owned by supporter; drop role supporter"),
        // A caller can attach it to a table of their own.
        mutant(
            "create function public.fill() returns trigger language plpgsql security definer as
             $$ begin select title into new.title from app.tasks where id = new.id; return new; end $$",
            &["NOTE function public.fill() runs as postgres (SECURITY DEFINER) .. who attaches it to a table"],
        ),
        // Nothing in its text says what it does, and it is counted.
        mutant(
            "create function public.quiet() returns text language plpgsql security definer as $$ begin return 'x'; end $$;
             revoke execute on function public.quiet() from public; grant execute on function public.quiet() to other_role",
            &["NOTE function SECURITY DEFINER functions of other programs (1) .. public.quiet()"],
        )
        .undone_by("drop function public.quiet()"),
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
