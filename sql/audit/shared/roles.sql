-- All roles. `ours` are those of Rowkeep. `predefined` are those that PostgreSQL brings along, other than its first
-- superuser: their members have lines of their own.
roles as (
    select r.oid, r.rolname, quote_ident(r.rolname) as name, r.rolsuper, r.rolbypassrls, r.rolreplication,
           r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolinherit,
           r.rolname in ('rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor') as ours,
           r.oid < 16384 and r.oid <> 10 as predefined
      from pg_roles r
)
