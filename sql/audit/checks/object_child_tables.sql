-- Looks for: tables that inherit from a table of app, directly or not.
-- Why: a child table that is read by its own name follows its own policies, not those of the parent.
-- Severity: FAIL if it does not force row-level security, or if another role has a privilege on it. Nothing is printed
--   otherwise.
-- Fix: revoke all on ... and alter table ... enable row level security, force row level security;
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-804', 'FAIL', 'objects', format('%s inherits from %s', h.oid::regclass, h.of::regclass),
       'a query by its own name does not follow the policies of the parent',
       concat_ws(' ',
           (select string_agg(distinct format('revoke all on %s from %s cascade;', h.oid::regclass, coalesce(r.name, 'public')), ' ')
              from aclexplode(c.relacl) a left join roles r on r.oid = a.grantee
             where a.grantee <> c.relowner),
           case when not (c.relrowsecurity and c.relforcerowsecurity)
                then format('alter table %s enable row level security, force row level security;', h.oid::regclass) end),
       c.relowner
  from child_tables h
  join pg_class c on c.oid = h.oid
 where h.oid not in (select oid from tables)  -- such a table has lines of its own
   and (not (c.relrowsecurity and c.relforcerowsecurity)
        or exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner))
