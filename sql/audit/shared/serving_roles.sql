-- The roles whose privileges requests, auditors and the logins of requests have, directly or by membership. What a login
-- that migrates has besides says nothing about requests: it can read every row anyway.
serving_roles (oid) as (
    select distinct u.other
      from can_use u
      join roles r on r.oid = u.role
     where r.rolname in ('rowkeep_api', 'rowkeep_auditor')
        or r.oid in (select oid from logins)
)
