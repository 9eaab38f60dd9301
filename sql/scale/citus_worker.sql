-- Prepares a node of a Citus cluster for Rowkeep. Run it as a superuser on each worker, also on one that joins later, before
-- it becomes part of the cluster:
--
--   psql -h WORKER -d DATABASE -f sql/scale/citus_worker.sql
--
-- Citus copies a policy to the shards without the word RESTRICTIVE. So the fence, which no other policy can open, would be
-- one more permissive policy there, and one mistaken policy would show every row. The event trigger of this file makes the
-- fence restrictive again at the moment when it arrives: when a table is distributed, when a shard moves, and when
-- policies are applied again.
--
-- It can be run again at any time. It changes no fence that is there already: sql/scale/citus.sql does.

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;

select not rolsuper as is_refused from pg_roles where rolname = current_user \gset
\if :is_refused
do $$ begin raise 'an event trigger needs a superuser: run this file as one, or leave it out (docs/growth.md)'; end $$;
\endif

select current_setting('shared_preload_libraries') !~ '\ycitus\y' as is_missing \gset
\if :is_missing
do $$ begin raise 'this server does not load Citus: set shared_preload_libraries = ''citus'', and restart it'; end $$;
\endif

begin;

-- Each node gets its own. Once it is part of a cluster, Citus would refuse to make objects on one node alone.
create extension if not exists citus;
set local citus.enable_ddl_propagation = off;
create schema if not exists rowkeep_node;
comment on schema rowkeep_node is 'What Rowkeep needs on each node of a Citus cluster (sql/scale/citus_worker.sql).';
revoke all on schema rowkeep_node from public;

-- Citus hides shards from pg_class unless it is told otherwise.
create or replace function rowkeep_node.keep_fence() returns event_trigger
    language plpgsql
    set search_path = ''
    set citus.override_table_visibility = off
as $$
declare
    fence record;
begin
    for fence in
        select p.polrelid::pg_catalog.regclass as relation, pg_catalog.pg_get_expr(p.polqual, p.polrelid) as condition
          from pg_catalog.pg_event_trigger_ddl_commands() d
          join pg_catalog.pg_policy p on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and p.oid = d.objid
          join pg_catalog.pg_class c on c.oid = p.polrelid
         where p.polname = 'fence'
           and p.polpermissive
           and c.relnamespace = pg_catalog.to_regnamespace('app')
    loop
        execute pg_catalog.format('drop policy fence on %s', fence.relation);
        execute pg_catalog.format('create policy fence on %s as restrictive using (%s) with check (%2$s)',
                                  fence.relation, fence.condition);
    end loop;
end
$$;
comment on function rowkeep_node.keep_fence() is
    'Makes the policy "fence" of a table of schema app restrictive: Citus sends it to the shards as a permissive one.';
revoke all on function rowkeep_node.keep_fence() from public;

drop event trigger if exists rowkeep_keep_fence;
create event trigger rowkeep_keep_fence on ddl_command_end
    when tag in ('CREATE POLICY')
    execute function rowkeep_node.keep_fence();
-- Also in a session that applies changes of another server.
alter event trigger rowkeep_keep_fence enable always;
comment on event trigger rowkeep_keep_fence is
    'Keeps the fence of Rowkeep restrictive on the shards of a Citus cluster. Without it one mistaken policy shows every row.';

commit;

\echo 'this node keeps the fence'
