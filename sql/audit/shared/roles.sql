-- All roles. `ours` are those of Rowkeep.
roles as (
    select r.oid, r.rolname, quote_ident(r.rolname) as name, r.rolsuper, r.rolbypassrls, r.rolreplication,
           r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolinherit,
           r.rolname in ('rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor') as ours
      from pg_roles r
)
