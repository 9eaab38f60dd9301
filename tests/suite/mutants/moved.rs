//! Objects that are moved, renamed or dropped, and changes written into the system catalogues.

use super::mutant::{mutant, try_each};
use super::test_cluster::TestCluster;
use crate::database::old_and_new::older_policies;

const OTHER_KEY: &str =
    "FAIL function app.cursor_key() is SECURITY DEFINER, and does not have the expected body";

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_moved_renamed_or_dropped_object_is_reported() {
    let mutants = vec![
        mutant(
            "alter table app.tasks set schema public",
            &[
                "FAIL objects there is no table in app",
                "FAIL drift table app.tasks is declared, but does not exist",
                "FAIL proof not tried: there is no table in app",
            ],
        )
        .by_hand(),
        mutant(
            "alter table app.tasks rename to todo",
            &[
                "FAIL drift table app.tasks is declared, but does not exist",
                "FAIL drift table app.todo exists, but is not declared",
            ],
        )
        .by_hand(),
        mutant(
            "drop table app.tasks",
            &[
                "FAIL objects there is no table in app",
                "FAIL drift table app.tasks is declared, but does not exist",
                "FAIL proof",
            ],
        )
        .by_hand(),
        mutant(
            "alter schema app rename to elsewhere",
            &["FAIL schema app: does not exist", "FAIL drift", "FAIL proof"],
        )
        .by_hand(),
        mutant("drop schema app cascade", &["FAIL schema app: does not exist", "FAIL drift", "FAIL proof"])
            .by_hand(),
        mutant(
            "alter schema rowkeep rename to history",
            &["FAIL schema rowkeep: does not exist", "FAIL drift"],
        )
        .by_hand(),
        mutant(
            "delete from rowkeep.migrations where version = (select max(version) from rowkeep.migrations)",
            &["FAIL drift the database has migration 8, this release 9"],
        )
        .by_hand(),
        mutant(
            "insert into rowkeep.migrations (version, name) values (1000, 'of_a_later_release')",
            &["NOTE drift the database has migration 1000, this release 9"],
        ),
        mutant(
            format!("insert into rowkeep.policies (digest) values ('{}')", older_policies()),
            &["FAIL drift the policies that were applied last are of an older release"],
        ),
        mutant(
            "create or replace function app.schema_version(out migration integer, out policies text) language sql stable \
             security definer set search_path = '' as $$ select 4, 'whatever' $$",
            &[
                "FAIL function app.schema_version() is SECURITY DEFINER, and does not have the expected body",
                "FAIL drift",
            ],
        ),
        // A SECURITY DEFINER function has all rights of its owner.
        mutant(
            "create or replace function app.cursor_key() returns bytea language sql stable security definer \
             set search_path = '' as $$ select convert_to(string_agg(title, ''), 'UTF8') from app.tasks $$",
            &[OTHER_KEY, "FAIL drift function app.cursor_key() is not as declared"],
        ),
        mutant(
            "create or replace function app.cursor_key() returns bytea language plpgsql security definer \
             set search_path = '' as $$ begin alter table app.tasks no force row level security; return null; end $$",
            &[OTHER_KEY, "FAIL drift function app.cursor_key() is not as declared"],
        ),
        mutant(
            "alter function app.cursor_key() security invoker",
            &["FAIL drift function app.cursor_key() is not as declared"],
        ),
        mutant(
            "alter table rowkeep.cursor_keys alter column key set default ''",
            &["FAIL drift column rowkeep.cursor_keys.key is not as declared"],
        )
        .by_hand(),
        mutant(
            "alter table rowkeep.cursor_keys owner to rowkeep_auditor",
            &[
                "FAIL role rowkeep_auditor owns objects in this database",
                "FAIL drift table rowkeep.cursor_keys is not as declared",
            ],
        ),
        mutant(
            "create view public.keys as table rowkeep.cursor_keys; grant select on public.keys to rowkeep_auditor",
            &["FAIL grants select on public.keys to rowkeep_auditor"],
        ),
        mutant("drop function app.schema_version()", &["FAIL drift"]).by_hand(),
        mutant(
            "alter function app.schema_version() security invoker",
            &["FAIL drift function app.schema_version() is not as declared"],
        ),
        mutant(
            "drop function app.accepted()",
            &[
                "FAIL drift function app.accepted() is declared, but does not exist",
                "NOTE accepted rowkeep.accepted: not looked at",
            ],
        )
        .by_hand(),
        mutant(
            "grant insert on rowkeep.accepted to rowkeep_api",
            &[
                "FAIL grants insert on rowkeep.accepted to rowkeep_api",
                "NOTE accepted rowkeep.accepted: another role than rowkeep_owner can write it",
            ],
        ),
        mutant("drop table rowkeep.lock", &["FAIL drift table rowkeep.lock is declared, but does not exist"])
            .by_hand(),
        mutant(
            "grant select, update on rowkeep.lock to rowkeep_api",
            &[
                "FAIL grants select on rowkeep.lock to rowkeep_api",
                "FAIL grants update on rowkeep.lock to rowkeep_api",
            ],
        ),
        mutant(
            "create table rowkeep.extra (one int)",
            &["FAIL drift table rowkeep.extra exists, but is not declared"],
        )
        .by_hand(),
        mutant(
            "alter table rowkeep.migrations owner to other_role",
            &["FAIL drift table rowkeep.migrations is not as declared"],
        ),
        mutant(
            "create function rowkeep.peek() returns bigint language sql security definer as 'select count(*) from app.tasks'",
            &[
                "FAIL grants execute on rowkeep.peek() to public",
                "FAIL drift function rowkeep.peek() exists, but is not declared",
            ],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

/// A superuser can write changes into the system catalogues that DDL would refuse.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_change_written_into_the_system_catalogues_is_reported() {
    let mutants = vec![
        mutant(
            "update pg_class set relrowsecurity = false where oid = 'app.tasks'::regclass",
            &[
                "FAIL table app.tasks: row security NOT enabled",
                "FAIL drift table app.tasks is not as declared",
            ],
        ),
        mutant(
            "update pg_class set relforcerowsecurity = false where oid = 'app.tasks'::regclass",
            &["FAIL table app.tasks: .. NOT forced", "FAIL drift table app.tasks is not as declared"],
        ),
        mutant(
            "update pg_policy set polpermissive = true where polname = 'fence'",
            &[
                "FAIL policy app.tasks has no fence",
                "FAIL drift policy fence on app.tasks is not as declared",
            ],
        ),
        mutant(
            "update pg_policy set polcmd = 'r' where polname = 'fence'",
            &[
                "FAIL policy app.tasks has no fence",
                "FAIL drift policy fence on app.tasks is not as declared",
            ],
        ),
        mutant(
            "update pg_policy set polqual = null, polwithcheck = null where polname = 'fence'",
            &[
                "FAIL policy app.tasks fence: RESTRICTIVE",
                "FAIL drift policy fence on app.tasks is not as declared",
            ],
        ),
        mutant(
            "update pg_proc set provolatile = 'i' where oid = 'app.current_user_id()'::regprocedure",
            &["FAIL identity app.current_user_id() is IMMUTABLE", "FAIL proof"],
        ),
        mutant(
            "update pg_proc set proleakproof = true where oid = 'app.current_user_id()'::regprocedure",
            &["FAIL function app.current_user_id() is LEAKPROOF"],
        ),
        mutant(
            "update pg_trigger set tgenabled = 'D' where tgname = 'tasks_touch'",
            &["FAIL trigger tasks_touch on app.tasks: is not enabled"],
        ),
        mutant(
            "update pg_index set indisvalid = false where indexrelid = 'app.tasks_pkey'::regclass",
            &["FAIL table app.tasks: unique: .. is not valid"],
        )
        .by_hand(),
        mutant(
            "update pg_index set indisunique = false where indexrelid = 'app.tasks_pkey'::regclass",
            &["FAIL drift index app.tasks_pkey is not as declared"],
        )
        .by_hand(),
        mutant(
            "update pg_attribute set attnotnull = false where attrelid = 'app.tasks'::regclass and attname = 'user_id'",
            &[
                "FAIL table app.tasks: user_id text collate \"C\" default app.current_user_id()",
                "FAIL drift column app.tasks.user_id",
            ],
        )
        .by_hand(), // from 18 on the column keeps its rule, and is told in vain to have it
        mutant(
            "update pg_constraint set convalidated = false where conname = 'tasks_title_length'",
            &["FAIL constraint tasks_title_length on app.tasks, definition .. : enforced for new rows only"],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

/// A nondeterministic collation treats different texts as equal: `ALICE` and `alice`.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_user_id_with_a_nondeterministic_collation_is_reported() {
    let own = "(user_id = app.current_user_id())";
    let damage = format!(
        "create collation public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         drop policy fence on app.tasks; drop policy owner_only on app.tasks;
         alter table app.tasks alter column user_id type text collate public.loose;
         create policy fence on app.tasks as restrictive using {own} with check {own};
         create policy owner_only on app.tasks to rowkeep_api using {own} with check {own};"
    );
    let mutants = vec![
        mutant(
            damage,
            &[
                "FAIL table app.tasks: user_id text collate loose not null default app.current_user_id()",
                "FAIL drift column app.tasks.user_id is not as declared",
            ],
        )
        .by_hand(),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}
