-- Part of sql/scale/citus.sql: reads its variables, and stops it before it changes anything if something is missing.
\if :{?coordinator} \else \set coordinator '' \endif
\if :{?workers}     \else \set workers ''     \endif
\if :{?shards}      \else \set shards 32      \endif

select current_setting('citus.shard_count', true) is null          as no_citus,
       to_regclass('pg_catalog.pg_dist_local_group') is not null   as has_extension,
       to_regclass('app.tasks') is null                            as no_tasks,
       rolsuper                                                    as is_superuser,
       rolcreaterole                                               as has_createrole,
       :'shards' !~ '^[1-9][0-9]{0,4}$'                            as is_no_number
  from pg_roles
 where rolname = current_user \gset
\if :no_citus
do $$ begin raise 'this server does not load Citus: set shared_preload_libraries = ''citus'', and restart it'; end $$;
\endif

\set is_worker false
\set is_distributed false
\set is_otherwise false
\if :has_extension
select groupid <> 0 as is_worker from pg_dist_local_group \gset
select count(*) > 0 as is_distributed,
       count(*) filter (where partmethod <> 'h' or column_to_column_name(logicalrelid, partkey) <> 'user_id') > 0 as is_otherwise
  from pg_dist_partition
 where logicalrelid = to_regclass('app.tasks') \gset
\endif
\if :is_worker
do $$ begin raise 'this database is a worker of a cluster, or was one: run this file on the coordinator'; end $$;
\endif
\if :no_tasks
do $$ begin raise 'there is no table app.tasks: run `rowkeep migrate` on the coordinator first'; end $$;
\endif
\if :is_otherwise
do $$ begin raise 'app.tasks is distributed in another way than by user_id: restore a dump of it into a new database'; end $$;
\endif
\if :is_no_number
do $$ begin raise 'shards is a number from 1 to 64000: -v shards=32'; end $$;
\endif

create temp table node as
select n.is_coordinator, coalesce(m[1], m[2]) as host, m[3]::integer as port
  from (select true, :'coordinator' union all select false, regexp_split_to_table(:'workers', ',')) n (is_coordinator, address)
 cross join lateral regexp_match(n.address, '^\s*(?:\[([0-9A-Fa-f:.]+)\]|([^][/:\s]+)):([0-9]{1,5})\s*$') m
 where n.address !~ '^\s*$';
select exists (select from node where host is null)      as is_no_address,
       exists (select from node c join node w using (host, port)
                where c.is_coordinator and not w.is_coordinator) as is_twice,
       exists (select from node)                         as has_nodes,
       exists (select from node where is_coordinator)    as has_coordinator,
       exists (select from node where not is_coordinator) as has_workers \gset
\if :is_no_address
do $$ begin raise 'coordinator is HOST:PORT, workers are HOST:PORT,HOST:PORT, and IPv6 is [HOST]:PORT'; end $$;
\endif
\if :is_twice
do $$ begin raise 'the coordinator is no worker: leave it out of workers'; end $$;
\endif
select exists (select from pg_constraint where confrelid = 'app.tasks'::regclass) as is_referenced \gset
\if :is_referenced
do $$ begin raise 'a foreign key refers to app.tasks, which alone can be distributed: drop it first (docs/growth.md)'; end $$;
\endif

\if :is_superuser
\else
\if :has_extension
\else
do $$ begin raise 'this database has no extension citus: a superuser, or the hosting service, must create it first'; end $$;
\endif
select not (:'has_createrole'::boolean and pg_has_role('rowkeep_owner', 'usage') and pg_has_role('rowkeep_api', 'member'))
                                                                                              as has_too_little,
       :'has_nodes'::boolean and not has_function_privilege('citus_add_node'::regproc, 'execute') as is_no_adder \gset
\if :has_too_little
do $$ begin raise 'this login needs CREATEROLE, and rowkeep_owner and rowkeep_api: use the login of `rowkeep migrate`'; end $$;
\endif
\if :is_no_adder
do $$ begin raise 'this login may not add nodes: the hosting service does, so leave out coordinator and workers'; end $$;
\endif
\endif
