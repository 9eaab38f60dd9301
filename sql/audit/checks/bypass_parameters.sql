-- Looks for: privileges on settings that make the server run a program, load a library or let in whom a file names.
-- Why: the program or the library runs as the system user that owns the files of all tables. ALTER SYSTEM on archive_command
--   is enough: it applies when the server reads its settings again.
-- Severity: NOTE. For PUBLIC and roles of requests another check fails.
-- Fix: revoke ... on parameter ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-611', 'NOTE', 'bypass',
       format('%s has %s', r.name, string_agg(distinct format('%s on parameter %s', lower(a.privilege_type), p.parname), ', ')),
       'the server runs, loads or obeys what such a setting names, as the owner of all files',
       string_agg(distinct format('revoke %s on parameter %s from %s;', lower(a.privilege_type), p.parname, h.name), ' '), 0::oid
  from pg_parameter_acl p
 cross join aclexplode(p.paracl) a
  join roles h on h.oid = a.grantee and not h.predefined
  join can_use u on u.other = a.grantee
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
 where (p.parname ~ '(_command|_library|_libraries|_library_path)$'
        or p.parname in ('jit_provider', 'primary_conninfo', 'hba_file', 'ident_file', 'extension_control_path'))
   and a.grantee not in (select oid from serving_roles)
 group by r.oid, r.name
