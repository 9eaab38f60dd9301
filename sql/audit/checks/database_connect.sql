-- Looks for: PUBLIC with the privilege to connect to this database, which PostgreSQL grants by default, and the logins of
--   other databases in the cluster that can connect because of it.
-- Why: roles belong to the whole cluster. The login of another environment is a member of rowkeep_api here as well: once it
--   is connected, it can call app.identify() with the id of any user.
-- Severity: FAIL for a login of requests that serves another database of the cluster, and may connect here through PUBLIC
--   alone. NOTE if PUBLIC may connect and there is no such login.
-- Fix: grant connect to each login by name, then revoke connect on database ... from public; The statements name the members
--   of Rowkeep's roles. Monitoring and backups need a grant as well.
-- Controls: SOC 2 CC6.1
select 'RK-106', case when g.name is null then 'NOTE' else 'FAIL' end, 'database',
       case when g.name is null then 'public may connect' else format('%s serves %s', g.name, g.serves) end,
       case when g.name is null then format('grant connect on %I to its logins by name, and revoke it from public', d.datname)
            else format('it can read and change every row of %I: it may connect because public may', d.datname) end,
       concat_ws(' ',
           (select format('grant connect on database %I to %s;', d.datname, string_agg(l.name, ', ' order by l.rolname collate "C"))
              from roles l
             where l.rolcanlogin and not l.rolsuper and l.oid <> d.datdba
               and l.name not in (select name from database_guests)
               and exists (select from can_use u join roles o on o.oid = u.other and o.ours where u.role = l.oid)
               and not exists (select
                                 from aclexplode(d.datacl) c
                                 join can_use u on u.role = l.oid and u.other = c.grantee
                                where c.privilege_type = 'CONNECT')
            having count(*) > 0),
           format('revoke connect on database %I from public;', d.datname)),
       d.datdba
  from pg_database d
 cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
  left join database_guests g on true
 where d.datname = current_database()
   and a.privilege_type = 'CONNECT'
   and a.grantee = 0
