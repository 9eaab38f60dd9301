-- Who is a member of which role. Memberships have had options since PostgreSQL 16. Before that, every member may SET
-- ROLE, and a member with INHERIT has the privileges of the role.
memberships as (
    select m.roleid, m.member, m.grantor, m.admin_option,
           coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)                as may_set,
           coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit)    as inherits
      from pg_auth_members m
      join roles r on r.oid = m.member
)
