-- Looks for: the privilege of PUBLIC to make temporary tables, which PostgreSQL grants by default.
-- Why: a temporary table is found before other tables of its name.
-- Severity: NOTE. The statements of Rowkeep name every table with its schema, so no temporary table is found.
-- Fix: revoke temporary on database ... from public;
select 'RK-108', 'NOTE', 'database',
       format('public may create temporary tables in %I', d.datname), 'requests name every table with its schema',
       format('revoke temporary on database %I from public;', d.datname), d.datdba
  from pg_database d
 cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
 where d.datname = current_database()
   and a.privilege_type = 'TEMPORARY'
   and a.grantee = 0
