-- Who is a member of which role. Memberships have had options since PostgreSQL 16. Before that, every member may SET
-- ROLE, and a member with INHERIT has the privileges of the role. `revoke` takes one away, and `fixer` must run it: since
-- PostgreSQL 16 a role with the privileges of the grantor.
memberships as (
    select m.roleid, m.member, m.grantor, m.admin_option,
           coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)                as may_set,
           coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit)    as inherits,
           format('revoke %s from %s%s;', o.name, r.name,
                  case when current_setting('server_version_num')::integer >= 160000 then ' granted by ' || g.name end) as revoke,
           case when current_setting('server_version_num')::integer < 160000 and not o.rolsuper then 'admin ' || m.roleid
                when g.rolsuper or o.rolsuper then '0'
                else m.grantor::text end as fixer
      from pg_auth_members m
      join roles r on r.oid = m.member
      join roles o on o.oid = m.roleid
      left join roles g on g.oid = m.grantor
)
