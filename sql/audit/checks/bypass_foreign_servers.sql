-- Looks for: foreign servers that lead to this database again, foreign tables that are a table of app there, and who may use
--   them.
-- Why: a query through such a server runs as the login of its user mapping, not as the caller. The password of the mapping can
--   be that of a superuser.
-- Severity: NOTE. The options of user mappings are hidden from most logins. For roles of requests another check fails. Where a
--   server leads that names this database and another host is not looked at (RK-690).
-- Fix: by hand: decide whether it is needed.
-- Controls: SOC 2 CC6.1
select 'RK-613', 'NOTE', 'bypass',
       format('foreign server %s leads to this database, used by %s', s.name,
              coalesce((select string_agg(distinct coalesce(r.name, 'public'), ', ')
                          from aclexplode(s.acl) a left join roles r on r.oid = a.grantee
                         where a.grantee <> s.owner), 'nobody but ' || o.name)),
       'a query through it runs as the login of a user mapping', null, null::oid
  from foreign_servers s
  join roles o on o.oid = s.owner
 where s.leads = 'here'
union all
select 'RK-613', 'NOTE', 'bypass',
       format('foreign table %I.%I is %I.%I on server %s; %s', n.nspname, c.relname, p.schema, p.table_name, s.name,
              coalesce('read by ' || (select string_agg(distinct coalesce(r.name, 'public'), ', ')
                                        from (select grantee, privilege_type from aclexplode(c.relacl)
                                               union all
                                              select x.grantee, x.privilege_type
                                                from pg_attribute y cross join aclexplode(y.attacl) x
                                               where y.attrelid = c.oid) a
                                        left join roles r on r.oid = a.grantee
                                       where a.privilege_type = 'SELECT' and a.grantee <> c.relowner),
                       'nobody but its owner reads it')),
       case s.leads when 'here' then 'they read as the login of a user mapping'
                    else 'they read as the login of a user mapping; this audit does not know whether it leads to this database' end
       || format('; owner %s', o.name), null, null::oid
  from pg_foreign_table f
  join foreign_servers s on s.oid = f.ftserver and s.leads <> 'elsewhere'
  join pg_class c on c.oid = f.ftrelid
  join pg_namespace n on n.oid = c.relnamespace
  join roles o on o.oid = c.relowner
 cross join lateral (
       select coalesce(min(x.option_value) filter (where x.option_name = 'schema_name'), n.nspname) as schema,
              coalesce(min(x.option_value) filter (where x.option_name = 'table_name'), c.relname) as table_name
         from pg_options_to_table(f.ftoptions) x) p
 where p.schema = 'app'
   and (p.schema, p.table_name) in (select nspname, relname from relations where relkind in ('r', 'p', 'v', 'm', 'f'))
