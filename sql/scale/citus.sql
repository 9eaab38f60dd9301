-- Distributes app.tasks over the workers of a Citus cluster, by user_id: all rows of a user are on one node, and each request
-- goes to that node. Run it on the coordinator as a superuser, after `rowkeep migrate` and sql/setup/login.sql, and after
-- sql/scale/citus_worker.sql on each worker (docs/growth.md):
--
--   psql -h COORDINATOR -d DATABASE -v coordinator=HOST:PORT -v workers=HOST:PORT,HOST:PORT -f sql/scale/citus.sql
--
--   coordinator   as the workers reach it   workers   as the coordinator reaches them   IPv6 is [HOST]:PORT
--   shards        how many pieces the table is cut into, 32 if not said: no more workers than that can share it
--
-- Where the nodes are a cluster already, as in a hosted service, leave out coordinator and workers. The login of `rowkeep
-- migrate` is enough then: it has CREATEROLE and is a member of rowkeep_owner (docs/growth.md). While it copies rows, reads
-- wait as well.
--
-- It can be repeated: what is done already stays. Rows that are there are copied to the shards, and changes wait for that.
-- There is no way back but a dump: Citus cannot undo the distribution of a table with an identity column.

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
set lock_timeout = '10s';

\ir checks/citus.sql

\echo 'nodes'
\if :is_superuser
\ir citus_worker.sql
\else
\echo '  not a superuser: no event trigger on the coordinator'
\endif
select not :'has_workers'::boolean
           and count(*) filter (where groupid <> 0 and noderole = 'primary' and isactive and shouldhaveshards) = 0 as no_worker,
       :'has_workers'::boolean and not :'has_coordinator'::boolean
           and count(*) filter (where groupid = 0) = 0                                                          as no_coordinator
  from pg_dist_node \gset
\if :no_worker
do $$ begin raise 'the cluster has no worker: run this file with -v coordinator=HOST:PORT -v workers=HOST:PORT,HOST:PORT'; end $$;
\endif
\if :no_coordinator
do $$ begin raise 'the workers must know the coordinator: run this file with -v coordinator=HOST:PORT as well'; end $$;
\endif

-- Citus would take a worker away from another cluster. Why a worker cannot be reached, it says itself.
select count(*) > 0 as is_refused,
       string_agg(format('  %s:%s %s', r.node_name, r.node_port,
                         case when r.result ~ 'pg_dist_node' then 'has no extension citus' else r.result end),
                  E'\n') as refusals
  from node n
 cross join lateral master_run_on_worker(array[n.host], array[n.port], array[$command$
       select case when exists (select from pg_dist_node)
                        then 'is or was a node of a cluster, perhaps of this one by another address'
                   when to_regclass('app.tasks') is not null
                        then 'has a table app.tasks' end
       $command$], false) r
 where not n.is_coordinator
   and not exists (select from pg_dist_node d where (d.nodename, d.nodeport) = (n.host, n.port))
   and r.result <> ''
   and r.result !~ '^failed to connect' \gset
\if :is_refused
\echo :refusals
do $$ begin raise 'the workers above cannot join: each needs an empty database of this name, and citus_worker.sql'; end $$;
\endif
\if :has_coordinator
select citus_set_coordinator_host(host, port) from node where is_coordinator \g /dev/null
\endif
\if :has_workers
\set ON_ERROR_STOP off
select citus_add_node(host, port) from node where not is_coordinator \g /dev/null
\set ON_ERROR_STOP on
\if :ERROR
do $$ begin raise 'this worker cannot join: start it, make a database of this name, let this login in (pg_hba.conf)'; end $$;
\endif
\endif
\if :has_nodes
select count(*) > 0 as is_refused,
       string_agg(format('  %s:%s does not reach %s:%s', from_nodename, from_nodeport, to_nodename, to_nodeport),
                  E'\n') as refusals
  from citus_check_cluster_node_health()
 where not result \gset
\if :is_refused
\echo :refusals
do $$ begin raise 'nodes do not reach each other: give their addresses as all nodes know them, and see pg_hba.conf'; end $$;
\endif
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
\if :is_distributed
\echo '  is distributed already'
\else
begin;
-- Citus names every column in the statement that it sends to a shard. The trigger and the policy decide what they hold.
grant insert (id, user_id) on app.tasks to rowkeep_api;
set local citus.enable_unsafe_triggers = on;
\if :is_superuser
\else
-- Only a superuser copies rows past FORCE. The owner does without it, in this transaction, which locks the table for all.
set local citus.multi_shard_modify_mode = 'sequential';
alter table app.tasks no force row level security;
\endif
select create_distributed_table('app.tasks', 'user_id', shard_count => :shards) \g /dev/null
\if :is_superuser
\else
alter table app.tasks force row level security;
\endif
commit;
\endif
-- Searches name this collation, and the table does not. So Citus would not copy it to the nodes.
select to_regprocedure('rowkeep_node.letters(text)') is null as has_no_letters \gset
\if :has_no_letters
create schema if not exists rowkeep_node;
create function rowkeep_node.letters(text) returns text language sql return upper($1 collate app.letters);
comment on function rowkeep_node.letters(text) is
    'Names the collation app.letters, so that Citus copies it to every node, also to one that joins later.';
revoke all on function rowkeep_node.letters(text) from public;
\endif

-- The copies that the coordinator has kept.
select truncate_local_data_after_distributing_table('app.tasks') \g /dev/null

\ir keep_rows.sql

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

\set rows ''
\if :is_superuser
select format('%s rows in ', count(*)) as rows from app.tasks \gset
\endif
select format('app.tasks has %s%s shards on %s nodes; restart the servers of Rowkeep',
              :'rows', count(distinct shardid), count(distinct (nodename, nodeport)))
  from citus_shards
 where table_name = 'app.tasks'::regclass \g (format=unaligned tuples_only=on)
