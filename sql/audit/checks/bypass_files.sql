-- Looks for: members of the roles that reach the files of the server: pg_read_server_files, pg_write_server_files and
--   pg_execute_server_program.
-- Why: the rows of all tables are in files. Who may write files or run programs can make itself a superuser.
-- Severity: NOTE. Some backups and monitors need it.
-- Fix: revoke ... from ...;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-607', 'NOTE', 'bypass',
       format('%s is a member of %s', r.name, string_agg(o.name, ', ' order by o.rolname collate "C")),
       'it reaches the files of the server, in which the rows of all tables are',
       string_agg(m.revoke, ' ' order by o.rolname collate "C"),
       case when min(m.low) = max(m.high) then min(m.low) else '0' end
  from can_use u
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = u.other
   and o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
 cross join lateral (
       select string_agg(m.revoke, ' ' order by m.revoke) as revoke, min(m.fixer) as low, max(m.fixer) as high
         from memberships m
        where m.member = r.oid and m.roleid = o.oid) m
 where u.role <> u.other
 group by r.oid, r.name
