-- Who can give an object of `owner` to rowkeep_owner: the owner, if it can become rowkeep_owner. Else a superuser (0).
givers (owner, fixer) as (
    select r.oid, case when exists (select from can_become b join roles o on o.oid = b.other and o.rolname = 'rowkeep_owner'
                                     where b.role = r.oid) then r.oid else 0 end
      from roles r
)
