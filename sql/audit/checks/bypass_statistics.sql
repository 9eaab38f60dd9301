-- Looks for: roles that may read pg_statistic, pg_statistic_ext_data or the TOAST table of a table of app: members of
--   pg_read_all_data, and single grants.
-- Why: statistics contain values of the rows of all users, such as the most common titles, and a TOAST table has the long ones.
--   No policy applies to them, while the view pg_stats hides them. Members of pg_read_all_data also read pg_authid, with the
--   hashes of passwords.
-- Severity: NOTE. Backups have pg_read_all_data. For roles of requests another check fails.
-- Fix: revoke select on pg_catalog.pg_statistic from ...; or revoke pg_read_all_data from ...;
-- Controls: SOC 2 CC6.3
select 'RK-609', 'NOTE', 'bypass', format('%s %s', r.name, string_agg(distinct w.way, ', ' order by w.way)),
       case when bool_and(w.toast) then 'it has the long descriptions of all users, and no policy applies'
            else 'statistics contain values of the rows of all users, and no policy applies' end
       || case when bool_or(w.way = 'is a member of pg_read_all_data')
               then ', nor to TOAST tables, which have long descriptions; it also reads the hashes of passwords in pg_authid, '
                    || 'with which it can log in as others' else '' end,
       string_agg(w.fix, ' ' order by w.fix), case when min(w.fixer) = max(w.fixer) then min(w.fixer) else '0' end
  from (select u.role, 'is a member of pg_read_all_data' as way,
               m.revoke as fix, m.fixer, false as toast
          from can_use u
          join roles o on o.oid = u.other and o.rolname = 'pg_read_all_data'
          left join memberships m on m.member = u.role and m.roleid = u.other
         where u.role <> u.other
         union
        select u.role, 'may read ' || coalesce('the TOAST table of ' || t.name, c.relname),
               format('revoke select on %s.%I from %s;', c.relnamespace::regnamespace, c.relname, h.name), '0', t.name is not null
          from pg_class c
          left join (select p.reltoastrelid, l.name from tables l join pg_class p on p.oid = l.oid) t
                 on t.reltoastrelid = c.oid
         cross join lateral (
               select grantee, privilege_type from aclexplode(c.relacl)
                union all
               select x.grantee, x.privilege_type
                 from pg_attribute y cross join aclexplode(y.attacl) x
                where y.attrelid = c.oid and y.attname ~ '^stxd|^stavalues|^chunk_data$') a
          join roles h on h.oid = a.grantee
          join can_use u on u.other = a.grantee
         where (t.name is not null
                or c.oid in ('pg_catalog.pg_statistic'::regclass, 'pg_catalog.pg_statistic_ext_data'::regclass))
           and a.privilege_type = 'SELECT'
           and a.grantee <> c.relowner
           and a.grantee not in (select oid from serving_roles)) w
  join roles r on r.oid = w.role and not r.rolsuper and not r.predefined
 group by r.oid, r.name
