-- Looks for: roles that may read the catalogues with passwords: pg_authid and pg_shadow (hashes of the passwords of logins),
--   pg_user_mapping and pg_subscription (passwords for other servers). RK-609 names the members of pg_read_all_data.
-- Why: an md5 hash is as good as the password. Other hashes can be guessed offline. With the password of a superuser, or of
--   the serving login, everybody is every user. A password for another server can lead back to this one.
-- Severity: NOTE. Poolers often need one of them. For roles of requests another check fails.
-- Fix: revoke select on pg_catalog.pg_authid from ...;
-- Controls: SOC 2 CC6.1
select 'RK-610', 'NOTE', 'bypass', format('%s may read %s', r.name, string_agg(distinct c.relname, ', ')),
       'with the passwords or the hashes in it, it can log in as others',
       string_agg(distinct format('revoke select%s on pg_catalog.%I from %s;', a.part, c.relname, h.name), ' '), 0::oid
  from pg_class c
 cross join lateral (
       select grantee, privilege_type, null as part from aclexplode(c.relacl)
        union all
       select x.grantee, x.privilege_type, format(' (%I)', t.attname)
         from pg_attribute t cross join aclexplode(t.attacl) x
        where t.attrelid = c.oid and t.attname in ('rolpassword', 'passwd', 'umoptions', 'subconninfo')) a
  join roles h on h.oid = a.grantee and not h.predefined
  join can_use u on u.other = a.grantee
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
 where c.oid in ('pg_catalog.pg_authid'::regclass, 'pg_catalog.pg_shadow'::regclass, 'pg_catalog.pg_user_mapping'::regclass,
                 'pg_catalog.pg_subscription'::regclass)
   and a.privilege_type = 'SELECT'
   and a.grantee <> c.relowner
   and a.grantee not in (select oid from serving_roles)
 group by r.oid, r.name
