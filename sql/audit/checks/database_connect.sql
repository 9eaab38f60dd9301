-- Looks for: PUBLIC with the privilege to connect to this database, which PostgreSQL grants by default, and the logins of
--   other databases in the cluster that can connect because of it.
-- Why: roles belong to the whole cluster. The login of another environment is a member of rowkeep_api here as well: once it
--   is connected, it can call app.identify() with the id of any user.
-- Severity: FAIL for a login of requests that serves another database of the cluster, and may connect here through PUBLIC
--   alone. NOTE if PUBLIC may connect and there is no such login.
-- Fix: grant connect to each login by name, then revoke connect on database ... from public; The statements name the members
--   of Rowkeep's roles. If other logins lose it, such as those of monitoring and backups, the report names them: decide which of
--   them need a grant.
-- Controls: SOC 2 CC6.1
select 'RK-106', case when g.name is null then 'NOTE' else 'FAIL' end, 'database',
       case when g.name is null then 'public may connect' else format('%s serves %s', g.name, g.serves) end,
       case when g.name is null then format('grant connect on %I to its logins by name, and revoke it from public', d.datname)
            else format('it can read and change every row of %I: it may connect because public may', d.datname) end,
       concat_ws(' ', w.others, w.grants, format('revoke connect on database %I from public;', d.datname)),
       d.datdba
  from pg_database d
 cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
  left join database_guests g on true
 -- Who can connect because of PUBLIC alone: the logins of Rowkeep, and others.
 cross join lateral (
       select format('grant connect on database %I to ', d.datname)
              || string_agg(l.name, ', ' order by l.rolname collate "C") filter (where l.ours) || ';' as grants,
              'by hand: these logins cannot connect any more unless they are granted it as well: '
              || string_agg(l.name, ', ' order by l.rolname collate "C") filter (where not l.ours) || ';' as others
         from (select l.name, l.rolname,
                      exists (select from can_use u join roles o on o.oid = u.other and o.ours where u.role = l.oid) as ours
                 from roles l
                where l.rolcanlogin and not l.rolsuper
                  and l.name not in (select name from database_guests)
                  and not exists (select
                                    from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) c
                                    join can_use u on u.role = l.oid and u.other = c.grantee
                                   where c.privilege_type = 'CONNECT')) l) w
 where d.datname = current_database()
   and a.privilege_type = 'CONNECT'
   and a.grantee = 0
