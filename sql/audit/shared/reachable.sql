-- The tables, views and sequences of app on which rowkeep_api, PUBLIC or a login of requests has a privilege. The privileges of
-- an owner and of a superuser do not count: they have them on every table. Not the tables of extensions.
reachable (oid) as (
    select r.oid
      from relations r
     where r.nspname = 'app'
       and r.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
       and not exists (select from extension_members x where x.classid = 'pg_class'::regclass and x.objid = r.oid)
       and (exists (select
                      from privileges p
                     where p.object = r.oid
                       and p.kind in ('table', 'column', 'sequence')
                       and p.grantee <> p.owner
                       and (p.grantee = 0 or p.grantee in (select oid from serving_roles)))
            or case when r.relkind <> 'S'
                    then has_table_privilege(to_regrole('rowkeep_api'), r.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') end)
)
