-- Looks for: foreign servers that lead to this database again, and who may use them.
-- Why: a query through such a server runs as the login of its user mapping, not as the caller. The password of the mapping can
--   be that of a superuser.
-- Severity: NOTE. The options of user mappings are hidden from most logins. For roles of requests another check fails.
-- Fix: by hand: decide whether it is needed.
-- Controls: SOC 2 CC6.1
select 'RK-613', 'NOTE', 'bypass',
       format('foreign server %I leads to this database, used by %s', s.srvname,
              coalesce((select string_agg(distinct coalesce(r.name, 'public'), ', ')
                          from aclexplode(s.srvacl) a left join roles r on r.oid = a.grantee
                         where a.grantee <> s.srvowner), 'nobody but ' || o.name)),
       'a query through it runs as the login of a user mapping', null, null::oid
  from pg_foreign_server s
  join roles o on o.oid = s.srvowner
 where lower('dbname=' || current_database()) in (select lower(x) from unnest(s.srvoptions) x (x))
   and not exists (select
                     from unnest(s.srvoptions) x (x)
                    where x ~* '^host(addr)?=' and x !~* '^host(addr)?=(localhost|127\.|::1|/|$)')
