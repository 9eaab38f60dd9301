-- Looks for: tables that inherit from a table of app, directly or not.
-- Why: a child table that is read by its own name follows its own policies, not those of the parent.
-- Severity: FAIL if it does not force row-level security, or if another role has a privilege on it. Nothing is printed
--   otherwise.
-- Fix: revoke all on ... and alter table ... enable row level security, force row level security;
select 'RK-804', 'FAIL', 'objects', format('%s inherits from %s', h.oid::regclass, h.of::regclass),
       'a query by its own name does not follow the policies of the parent',
       format('revoke all on %s from public, rowkeep_api; '
              'alter table %s enable row level security, force row level security;', h.oid::regclass, h.oid::regclass),
       c.relowner
  from child_tables h
  join pg_class c on c.oid = h.oid
 where not (c.relrowsecurity and c.relforcerowsecurity)
    or exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)
