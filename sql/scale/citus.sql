-- Distributes app.tasks over the workers of a Citus cluster, by user_id: all rows of a user are on one node, and each request
-- goes to that node. Run it on the coordinator as a superuser, after `rowkeep migrate` and sql/setup/login.sql, and after
-- sql/scale/citus_worker.sql on each worker (docs/growth.md):
--
--   psql -h COORDINATOR -d DATABASE -v coordinator=HOST:PORT -v workers=HOST:PORT,HOST:PORT -f sql/scale/citus.sql
--
--   coordinator   as the workers reach it   workers   as the coordinator reaches them
--   shards        how many pieces the table is cut into, 32 if not said: no more workers than that can share it
--
-- Where the nodes are a cluster already, as in a hosted service, leave out coordinator and workers. Then a login with
-- CREATEROLE that is a member of rowkeep_owner is enough, as long as the table is empty: the policies keep rows from it.
--
-- It can be repeated: what is done already stays. Rows that are there are copied to the shards, and changes wait for that.
-- There is no way back but a dump: Citus cannot undo the distribution of a table with an identity column.

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
set lock_timeout = '10s';

select current_setting('citus.shard_count', true) is null      as no_citus,
       to_regclass('app.tasks') is null                           as no_tasks,
       (select rolsuper from pg_roles where rolname = current_user) as is_superuser \gset
\if :no_citus
do $$ begin raise 'this server does not load Citus: set shared_preload_libraries = ''citus'', and restart it'; end $$;
\endif
\if :no_tasks
do $$ begin raise 'there is no table app.tasks: run `rowkeep migrate` on the coordinator first'; end $$;
\endif

\echo 'nodes'
\if :is_superuser
\ir citus_worker.sql
\else
\echo '  not a superuser: no event trigger on the coordinator'
\endif
\if :{?coordinator}
select citus_set_coordinator_host(split_part(:'coordinator', ':', 1), split_part(:'coordinator', ':', 2)::integer) \g /dev/null
\endif
\if :{?workers}
select citus_add_node(split_part(w, ':', 1), split_part(w, ':', 2)::integer)
  from regexp_split_to_table(:'workers', '\s*,\s*') w \g /dev/null
\endif
select count(*) = 0 as is_empty
  from pg_dist_node
 where groupid <> 0 and noderole = 'primary' and isactive and shouldhaveshards \gset
\if :is_empty
do $$ begin raise 'the cluster has no worker: run this file with -v coordinator=HOST:PORT -v workers=HOST:PORT,HOST:PORT'; end $$;
\endif
select format('  %s:%s keeps the fence: %s', n.nodename, n.nodeport, r.result) as line
  from run_command_on_workers($$select case when not exists (select from pg_event_trigger
                                                              where evtname = 'rowkeep_keep_fence' and evtenabled in ('O', 'A'))
                                            then 'NO, run sql/scale/citus_worker.sql there'
                                            -- PostgreSQL 17 can turn all of them off.
                                            when current_setting('event_triggers', true) = 'off' then 'NO, event_triggers is off there'
                                            else 'yes' end$$) r
  join pg_dist_node n on (n.nodename, n.nodeport) = (r.nodename, r.nodeport)
 order by 1 \g (format=unaligned tuples_only=on)

-- The coordinator logs in to the nodes as the role that a request has taken on, and as the owner. They get no password:
-- pg_hba.conf of the nodes must let them in from the other nodes, and from nowhere else. What is stored for a role counts
-- where it logs in, so for these connections alone.
\echo 'roles'
alter role rowkeep_owner login;
alter role rowkeep_api login;
alter role rowkeep_api in database :"DBNAME" set enable_seqscan = off;
alter role rowkeep_api in database :"DBNAME" set jit = off;
alter role rowkeep_api in database :"DBNAME" set statement_timeout = '5s';
alter role rowkeep_api in database :"DBNAME" set lock_timeout = '2s';
alter role rowkeep_api in database :"DBNAME" set idle_in_transaction_session_timeout = '10s';

\echo 'table'
select exists (select from pg_dist_partition where logicalrelid = 'app.tasks'::regclass)  as is_distributed,
       exists (select from pg_dist_partition
                where logicalrelid = 'app.tasks'::regclass
                  and (partmethod <> 'h'
                       or column_to_column_name(logicalrelid, partkey) <> 'user_id'))     as is_otherwise \gset
\if :is_otherwise
do $$ begin raise 'app.tasks is distributed in another way than by user_id: restore a dump of it into a new database'; end $$;
\endif
\if :is_distributed
\echo '  is distributed already'
\else
\if :{?shards}
\else
\set shards 32
\endif
begin;
-- Citus names every column in the statement that it sends to a shard. The trigger and the policy decide what they hold.
grant insert (id, user_id) on app.tasks to rowkeep_api;
set local citus.enable_unsafe_triggers = on;
select create_distributed_table('app.tasks', 'user_id', shard_count => :shards) \g /dev/null
commit;
\endif
-- Searches name this collation, and the table does not. So Citus would not copy it to the nodes.
create schema if not exists rowkeep_node;
create or replace function rowkeep_node.letters(text) returns text language sql return upper($1 collate app.letters);
comment on function rowkeep_node.letters(text) is
    'Names the collation app.letters, so that Citus copies it to every node, also to one that joins later.';
revoke all on function rowkeep_node.letters(text) from public;

-- The copies that the coordinator has kept.
select truncate_local_data_after_distributing_table('app.tasks') \g /dev/null

\echo 'fence'
\ir restore_fence.sql

set role rowkeep_api;
select count(*) filter (where not success) > 0 as is_refused,
       string_agg(format('%s:%s: %s', nodename, nodeport, result), '; ') filter (where not success) as refusals
  from run_command_on_workers('select 1') \gset
reset role;
\if :is_refused
\echo :refusals
do $$ begin raise 'the nodes above do not let rowkeep_api in: see pg_hba.conf there, and sql/scale/citus.sql'; end $$;
\endif

select format('app.tasks has %s rows in %s shards on %s nodes; restart the servers of Rowkeep', t.rows, s.shards, s.nodes)
  from (select count(*) as rows from app.tasks) t
 cross join (select count(distinct shardid) as shards, count(distinct (nodename, nodeport)) as nodes
               from citus_shards where table_name = 'app.tasks'::regclass) s \g (format=unaligned tuples_only=on)
