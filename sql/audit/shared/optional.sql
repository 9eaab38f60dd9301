-- Relations and functions that an older database lacks, or that this login may not read. A statement that names one fails
-- as a whole there. ts_stat() runs a text, and only where the object can be read. It returns the words of text search
-- vectors: each is a numbered part of the rows as JSON, because a word has 2046 bytes at most. (query_to_xml() needs a
-- PostgreSQL with libxml.) To read another relation, add its name to the list.
--
-- Not with format(text, text): the audit reports that function if it is a changed one.
-- Only ordinary tables, and functions of app that are exactly those of this release: a view or a changed function could
-- run the code of somebody else with the rights of this login.
optional_sources (name, source, may_read) as (
    select format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname),
           has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')
      from (values ('rowkeep', 'migrations'), ('rowkeep', 'policies'), ('pg_catalog', 'pg_dist_partition')) w (nspname, relname)
      join pg_namespace n on n.nspname = w.nspname
      join pg_class c on c.relnamespace = n.oid and c.relname = w.relname and c.relkind in ('r', 'p')
    union all
    select w.name, w.name,
           has_schema_privilege(n.oid, 'USAGE') and has_function_privilege(f.oid, 'EXECUTE')
           -- The function fails if its owner cannot read these.
           and not exists (select
                             from (values ('app.accepted()', 'accepted', 'id'), ('app.accepted()', 'accepted', 'subject'),
                                          ('app.accepted()', 'accepted', 'why'), ('app.accepted()', 'accepted', 'who'),
                                          ('app.accepted()', 'accepted', 'until'),
                                          ('app.schema_version()', 'migrations', 'version'),
                                          ('app.schema_version()', 'policies', 'id'),
                                          ('app.schema_version()', 'policies', 'digest')) r (name, relname, attname)
                            where r.name = w.name
                              and not exists (select
                                                from pg_class c
                                                join pg_namespace s on s.oid = c.relnamespace and s.nspname = 'rowkeep'
                                                join pg_attribute a on a.attrelid = c.oid and a.attname = r.attname
                                                                   and not a.attisdropped
                                               where c.relname = r.relname
                                                 and has_schema_privilege(f.proowner, s.oid, 'USAGE')
                                                 and has_table_privilege(f.proowner, c.oid, 'SELECT')))
      from expected_definers w
      join pg_proc f on f.pronargs = 0 and f.prosecdef and f.prosrc = w.body and f.proconfig = array['search_path=""']
      join pg_namespace n on n.oid = f.pronamespace and n.nspname = 'app' and w.name = format('%I.%I()', n.nspname, f.proname)
      join pg_language l on l.oid = f.prolang and l.lanname = 'sql'
      join pg_roles o on o.oid = f.proowner and o.rolname = 'rowkeep_owner'
     where w.name in ('app.accepted()', 'app.schema_version()')
    union all
    -- Each node of a distributed database (Citus) that has shards of app, with their names, and its answer to node_question.
    -- Each is asked once, one after the other.
    select 'nodes',
           format('(select n.*, r.success, r.result
                      from (select n.nodename, n.nodeport, array_agg(s.name) as shards
                              from (select h.shardid, pg_catalog.shard_name(h.logicalrelid, h.shardid) as name
                                      from pg_catalog.pg_dist_shard h
                                      join pg_catalog.pg_class c on c.oid = h.logicalrelid
                                      join pg_catalog.pg_namespace a on a.oid = c.relnamespace and a.nspname = ''app'') s
                              join pg_catalog.pg_dist_placement p on p.shardid = s.shardid
                              join pg_catalog.pg_dist_node n on n.groupid = p.groupid and n.noderole = ''primary''
                             group by n.nodename, n.nodeport
                            offset 0) n
                     cross join lateral pg_catalog.master_run_on_worker(array[n.nodename], array[n.nodeport], array[%L], false) r)',
                  q.question), d.is_there
      from node_question q
     cross join has_nodes d
     where d.is_there
    union all
    select 'coordinator', format('(%s)', q.question), d.is_there
      from node_question q
     cross join has_nodes d
     where d.is_there
),

has_nodes (is_there) as (
    select exists (select
                     from pg_depend d
                     join pg_extension e on e.oid = d.refobjid and e.extname = 'citus'
                    where d.refclassid = 'pg_extension'::regclass
                      and d.deptype = 'e'
                      and d.objid = to_regprocedure('pg_catalog.master_run_on_worker(text[],integer[],text[],boolean)'))
),

-- What each node is asked, and the coordinator as well: the answers must be the same, but for what Citus names after a shard.
--   facts        of: the object, on a node a shard of it. shard: its number. what, is: a property, and its value
--   rows         how many rows its shards of each table have, by the statistics
--   keeps_fence  whether the event trigger of sql/scale/citus_worker.sql is there
--   logs         whether its log has the statements of requests
node_question (question) as (values ($$
    with quiet (path) as materialized (select set_config('search_path', '', true)),
    relations as (
        select c.*, format('%I.%I', n.nspname, regexp_replace(c.relname, '_[0-9]+$', '')) as of,
               coalesce(substring(c.relname from '_([0-9]+)$'), '') as shard
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'app'
         where c.relkind in ('r', 'p', 'f', 'v', 'm')
    ),
    facts ("of", shard, what, "is") as (
        select r.of, r.shard, w.what, w.value
          from relations r
         cross join lateral (values
               ('kind', case when r.relkind in ('v', 'm') then format('%s, definition %s', r.relkind, left(md5(pg_get_viewdef(r.oid)), 8))
                             else 'table' end),
               ('owner', pg_get_userbyid(r.relowner)::text),
               ('row security', concat_ws(', ', case when r.relrowsecurity then 'enabled' else 'not enabled' end,
                                          case when r.relforcerowsecurity then 'forced' else 'not forced' end)),
               ('privileges', (select string_agg(format('%s to %s', lower(a.privilege_type),
                                                        case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end), ', '
                                                 order by a.grantee::regrole::text collate "C", a.privilege_type)
                                 from aclexplode(coalesce(r.relacl, acldefault('r', r.relowner))) a)),
               ('privileges of columns', (select string_agg(format('%s (%I) to %s', lower(a.privilege_type), t.attname,
                                                            case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end), ', '
                                                            order by a.grantee::regrole::text collate "C", a.privilege_type, t.attname)
                                            from pg_attribute t, aclexplode(t.attacl) a
                                           where t.attrelid = r.oid)),
               ('column user_id', (select format('%s collate %s%s', format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation,
                                                 case when a.attnotnull then ' not null' end)
                                     from pg_attribute a
                                    where a.attrelid = r.oid and a.attname = 'user_id' and not a.attisdropped))) w (what, value)
        union all
        select r.of, r.shard, format('policy %I', p.polname),
               format('%s for %s to %s using %s with check %s', case when p.polpermissive then 'permissive' else 'restrictive' end,
                      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
                      (select string_agg(case when o = 0 then 'public' else pg_get_userbyid(o)::text end, ', ' order by o::regrole::text collate "C")
                         from unnest(p.polroles) o),
                      coalesce(pg_get_expr(p.polqual, r.oid), '-'), coalesce(pg_get_expr(p.polwithcheck, r.oid), '-'))
          from relations r
          join pg_policy p on p.polrelid = r.oid
        union all
        select r.of, r.shard, format('trigger %I', regexp_replace(g.tgname, '_' || r.shard || '$', '')),
               format('%s, type %s, %s%s', g.tgfoid::regprocedure, g.tgtype,
                      case when g.tgenabled in ('O', 'A') then 'enabled' else 'not enabled' end,
                      case when g.tgqual is not null or g.tgattr <> '' then ', not for every row' end)
          from relations r
          join pg_trigger g on g.tgrelid = r.oid and not g.tgisinternal
        union all
        select r.of, r.shard, format('constraint %I', regexp_replace(k.conname, '_' || r.shard || '$', '')), pg_get_constraintdef(k.oid)
          from relations r
          join pg_constraint k on k.conrelid = r.oid and k.contype <> 't'
        union all
        select r.of, r.shard, format('rule %I', w.rulename), left(md5(pg_get_ruledef(w.oid)), 8)
          from relations r
          join pg_rewrite w on w.ev_class = r.oid and w.rulename <> '_RETURN'
        union all
        select f.oid::regprocedure::text, '', 'function', format('owner %s, definition %s', pg_get_userbyid(f.proowner), left(md5(pg_get_functiondef(f.oid)), 8))
          from pg_proc f
          join pg_namespace n on n.oid = f.pronamespace and n.nspname = 'app'
         where f.prokind in ('f', 'p')
        union all
        -- Elsewhere: a view that reads a table of app or a shard, and a table with the columns of a task.
        select c.oid::regclass::text, '', 'view', format('owner %s, definition %s', pg_get_userbyid(c.relowner), left(md5(pg_get_viewdef(c.oid)), 8))
          from pg_class c
         where c.relkind in ('v', 'm')
           and c.relnamespace <> all (array['app', 'pg_catalog', 'information_schema']::regnamespace[])
           and exists (select
                         from pg_rewrite w
                         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
                         join relations r on r.oid = d.refobjid
                        where w.ev_class = c.oid)
        union all
        select c.oid::regclass::text, '', 'copy', format('a table with a user_id, a title and a description; owner %s', pg_get_userbyid(c.relowner))
          from pg_class c
         where c.relkind in ('r', 'p', 'f')
           and c.relnamespace <> 'app'::regnamespace
           and (select count(*) from pg_attribute a
                 where a.attrelid = c.oid and not a.attisdropped and a.attname in ('user_id', 'title', 'description')) = 3
        union all
        select r.rolname, '', 'role', concat_ws(', ', case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                                                case when not r.rolsuper and r.rolname <> 'rowkeep_owner' and pg_has_role(r.oid, 'rowkeep_owner', 'MEMBER')
                                                     then 'member of rowkeep_owner' end)
          from pg_roles r
         where r.rolsuper or r.rolbypassrls or r.rolname <> 'rowkeep_owner' and pg_has_role(r.oid, 'rowkeep_owner', 'MEMBER')
    )
    select jsonb_build_object(
               'facts', (select jsonb_agg(to_jsonb(f)) from facts f where f."is" is not null),
               'keeps_fence', exists (select
                                        from pg_event_trigger e
                                        join pg_proc f on f.oid = e.evtfoid and f.proname = 'keep_fence'
                                        join pg_namespace n on n.oid = f.pronamespace and n.nspname = 'rowkeep_node'
                                       where e.evtevent = 'ddl_command_end' and e.evtenabled in ('O', 'A')
                                         -- PostgreSQL 17 can turn all of them off.
                                         and coalesce(current_setting('event_triggers', true), 'on') = 'on'),
               'rows', (select jsonb_object_agg(r."of", r.rows)
                          from (select r."of", sum(pg_stat_get_live_tuples(r.oid)) as rows
                                  from relations r
                                 where r.shard <> ''
                                 group by r."of") r),
               'logs', current_setting('log_min_error_statement') not in ('fatal', 'panic', 'log')
                       or current_setting('log_statement') in ('mod', 'all')
                       or current_setting('log_min_duration_statement') <> '-1') as answer
      from quiet
     where quiet.path = ''
$$)),

optional_rows (name, rows) as materialized (
    select o.name,
           (select string_agg(substr(w.word, 9), '' order by w.word collate "C")::jsonb
              from ts_stat(case when o.may_read
                                then replace('select array_to_tsvector(array[lpad(n::text, 8, ''0'') || substr(j.rows, 1 + 400 * n, 400)])
                                                from (select jsonb_agg(to_jsonb(t))::text as rows from SOURCE t) j,
                                                     generate_series(0, (length(j.rows) - 1) / 400) n', 'SOURCE', o.source)
                                else 'select null::tsvector where false' end) w)
      from optional_sources o
)
