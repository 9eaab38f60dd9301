-- The tables that requests use or can reach: app.tasks, and every table of app on which rowkeep_api, PUBLIC or a login of
-- requests has a privilege. Not the tables of extensions. sql/session/probe.sql looks at the same ones.
tables as (
    select r.*
      from relations r
     where r.nspname = 'app'
       and r.relkind in ('r', 'p', 'f')
       and (r.relname = 'tasks'
            or not exists (select from extension_members x where x.classid = 'pg_class'::regclass and x.objid = r.oid)
               and (has_table_privilege(to_regrole('rowkeep_api'), r.oid, 'DELETE, TRUNCATE, TRIGGER')
                    or has_any_column_privilege(to_regrole('rowkeep_api'), r.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                    or exists (select
                                 from privileges p
                                where p.object = r.oid
                                  and p.grantee <> p.owner
                                  and (p.grantee = 0 or p.grantee in (select oid from serving_roles)))))
)
