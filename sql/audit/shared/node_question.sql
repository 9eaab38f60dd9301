-- What each node is asked, and the coordinator as well: the answers must be the same, but for what Citus names after a shard.
--   facts        of: the object, on a node a shard of it. shard: its number. what, is: a property, and its value
--   rows         how many rows its shards of each table have, by the statistics
--   keeps_fence  whether the event trigger of sql/scale/citus_worker.sql is there
--   logs         whether its log has the statements of requests
node_question (question) as (values ($$
    with quiet (path) as materialized (select set_config('search_path', '', true)),
    relations as (
        select c.*, format('%I.%I', n.nspname, regexp_replace(c.relname, '_[0-9]+$', '')) as "of",
               coalesce(substring(c.relname from '_([0-9]+)$'), '') as shard
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'app'
         where c.relkind in ('r', 'p', 'f', 'v', 'm')
    ),
    elsewhere as (
        select n.oid from pg_namespace n where n.nspname not in ('app', 'pg_catalog', 'information_schema')
    ),
    roles as (
        select r.oid, r.rolname::text as name,
               concat_ws(', ', case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                         case when r.rolreplication then 'REPLICATION' end,
                         (select string_agg('member of ' || o.rolname, ', ' order by o.rolname collate "C")
                            from pg_roles o
                           where o.rolname in ('rowkeep_owner', 'rowkeep_api')
                             and o.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, o.oid, 'MEMBER'))) as powers
          from pg_roles r
         union all
        select 0, 'public', ''
    ),
    grants (relation, what, privilege, grantee) as (
        select r.oid, 'privileges', lower(a.privilege_type), a.grantee
          from relations r, aclexplode(coalesce(r.relacl, acldefault('r', r.relowner))) a
         union all
        select r.oid, 'privileges of columns', format('%s (%I)', lower(a.privilege_type), t.attname), a.grantee
          from relations r
          join pg_attribute t on t.attrelid = r.oid
         cross join aclexplode(t.attacl) a
    ),
    facts ("of", shard, what, "is") as (
        select r."of", r.shard, w.what, w.value
          from relations r
         cross join lateral (values
               ('kind', case when r.relkind in ('v', 'm') then 'view ' || left(md5(pg_get_viewdef(r.oid)), 8) else 'table' end),
               ('owner', pg_get_userbyid(r.relowner)::text),
               ('row security', format('%s, %s', case when r.relrowsecurity then 'enabled' else 'not enabled' end,
                                       case when r.relforcerowsecurity then 'forced' else 'not forced' end))) w (what, value)
         union all
        select r."of", r.shard, g.what,
               string_agg(format('%s to %s', g.privilege, o.name), ', ' order by o.name collate "C", g.privilege collate "C")
          from relations r
          join grants g on g.relation = r.oid
          join roles o on o.oid = g.grantee
         group by r."of", r.shard, g.what
         union all
        select r."of", r.shard, 'column user_id',
               format('%s collate %s%s', format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation,
                      case when a.attnotnull then ' not null' end)
          from relations r
          join pg_attribute a on a.attrelid = r.oid and a.attname = 'user_id' and not a.attisdropped
         union all
        select r."of", r.shard, format('policy %I', p.polname),
               format('%s for %s to %s using %s with check %s', case when p.polpermissive then 'permissive' else 'restrictive' end,
                      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                                    else 'all' end,
                      (select string_agg(o.name, ', ' order by o.name collate "C") from roles o where o.oid = any (p.polroles)),
                      coalesce(pg_get_expr(p.polqual, r.oid), '-'), coalesce(pg_get_expr(p.polwithcheck, r.oid), '-'))
          from relations r
          join pg_policy p on p.polrelid = r.oid
         union all
        select r."of", r.shard, format('trigger %I', regexp_replace(g.tgname, '_' || r.shard || '$', '')),
               format('%s, type %s, %s%s', g.tgfoid::regprocedure, g.tgtype,
                      case when g.tgenabled in ('O', 'A') then 'enabled' else 'not enabled' end,
                      case when g.tgqual is not null or g.tgattr <> '' then ', not for every row' end)
          from relations r
          join pg_trigger g on g.tgrelid = r.oid and not g.tgisinternal
         union all
        select r."of", r.shard, format('constraint %I', regexp_replace(k.conname, '_' || r.shard || '$', '')),
               pg_get_constraintdef(k.oid)
          from relations r
          join pg_constraint k on k.conrelid = r.oid and k.contype <> 't'
         union all
        select r."of", r.shard, 'index ' || substring(pg_get_indexdef(x.indexrelid) from ' USING (.*)$'),
               concat_ws(', ', case when x.indisunique then 'unique' end, case when x.indisvalid then 'valid' else 'not valid' end)
          from relations r
          join pg_index x on x.indrelid = r.oid
         union all
        select r."of", r.shard, format('rule %I', w.rulename), left(md5(pg_get_ruledef(w.oid)), 8)
          from relations r
          join pg_rewrite w on w.ev_class = r.oid and w.rulename <> '_RETURN'
         union all
        select f.oid::regprocedure::text, '', 'function',
               format('owner %s, definition %s', pg_get_userbyid(f.proowner), left(md5(pg_get_functiondef(f.oid)), 8))
          from pg_proc f
          join pg_namespace n on n.oid = f.pronamespace and n.nspname = 'app'
         where f.prokind in ('f', 'p')
         union all
        -- Elsewhere: a function that requests can call, and that runs as a role that the policies may not bind.
        select f.oid::regprocedure::text, '', 'function',
               format('runs as %s (%s), definition %s', o.name, o.powers, left(md5(pg_get_functiondef(f.oid)), 8))
          from pg_proc f
          join roles o on o.oid = f.proowner and o.powers <> ''
          join elsewhere e on e.oid = f.pronamespace
         where f.prosecdef
           and f.prokind in ('f', 'p')
           and exists (select
                         from pg_roles a
                        where a.rolname = 'rowkeep_api'
                          and has_function_privilege(a.oid, f.oid, 'EXECUTE')
                          and has_schema_privilege(a.oid, f.pronamespace, 'USAGE'))
         union all
        -- Elsewhere: a view that reads a table of app or a shard, and a table with the columns of a task.
        select c.oid::regclass::text, '', 'view',
               format('owner %s, definition %s', pg_get_userbyid(c.relowner), left(md5(pg_get_viewdef(c.oid)), 8))
          from pg_class c
          join elsewhere e on e.oid = c.relnamespace
         where c.relkind in ('v', 'm')
           and exists (select
                         from pg_rewrite w
                         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                                         and d.refclassid = 'pg_class'::regclass
                         join relations r on r.oid = d.refobjid
                        where w.ev_class = c.oid)
         union all
        select c.oid::regclass::text, '', 'copy',
               format('a table with a user_id, a title and a description; owner %s', pg_get_userbyid(c.relowner))
          from pg_class c
          join elsewhere e on e.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'f')
           and (select count(*)
                  from pg_attribute a
                 where a.attrelid = c.oid and not a.attisdropped and a.attname in ('user_id', 'title', 'description')) = 3
         union all
        select 'app', '', 'schema', format('owner %s, privileges %s', pg_get_userbyid(n.nspowner),
               (select string_agg(format('%s to %s', lower(a.privilege_type), o.name), ', '
                                  order by o.name collate "C", a.privilege_type collate "C")
                  from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
                  join roles o on o.oid = a.grantee))
          from pg_namespace n
         where n.nspname = 'app'
         union all
        select r.name, '', 'role', r.powers from roles r where r.powers <> ''
         union all
        -- Stored for a role or for this database: these would choose whose rows a session sees, or run no trigger.
        select coalesce(r.name, 'all roles'), '', 'setting ' || split_part(c.setting, '=', 1),
               substr(c.setting, strpos(c.setting, '=') + 1)
          from pg_db_role_setting s
         cross join unnest(s.setconfig) c (setting)
          left join roles r on r.oid = s.setrole and s.setrole <> 0
          left join pg_database d on d.oid = s.setdatabase
         where coalesce(d.datname, current_database()) = current_database()
           and c.setting ~ '^(app[.]|session_replication_role=|search_path=)'
    )
    select jsonb_build_object(
               'facts', (select jsonb_agg(to_jsonb(f)) from facts f),
               'keeps_fence', exists (select
                                        from pg_event_trigger e
                                        join pg_proc f on f.oid = e.evtfoid and f.proname = 'keep_fence'
                                                     -- As sql/scale/citus_worker.sql makes it.
                                                     and md5(f.prosrc) = '5708d3a25b8f63b06b1c2e59a1e98cb3'
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
$$))
