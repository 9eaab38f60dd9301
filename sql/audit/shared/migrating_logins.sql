-- The logins that migrate: they can become an owner of something in app or rowkeep, or they can use rowkeep_api and make
-- roles. Hosting services and companies have one, and it is not for requests.
migrating_logins as (
    select r.*
      from roles r
     where r.rolcanlogin
       and not r.rolsuper
       and r.oid not in (select oid from node_logins)
       and (exists (select
                      from can_use u
                     where u.role = r.oid
                       and (u.other in (select oid from roles where rolname = 'rowkeep_owner')
                            or u.other in (select nspowner from schemas union select relowner from relations
                                           union select proowner from pg_proc where pronamespace in (select oid from schemas))))
            or exists (select from can_use u join roles o on o.oid = u.other where u.role = r.oid and o.rolname = 'rowkeep_api')
               and exists (select from can_become b join roles o on o.oid = b.other where b.role = r.oid and o.rolcreaterole))
)
