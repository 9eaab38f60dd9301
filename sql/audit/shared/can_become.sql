-- What each role gets from memberships, also from those that it can grant itself: `becomes` by SET ROLE, or the privileges alone
-- (INHERIT). It can grant what it, or a role whose privileges it has, may grant (ADMIN).
reached_roles (role, other, becomes) as (
    select oid, oid, true from roles
    union
    select b.role, m.roleid, g.becomes
      from reached_roles b
      join memberships m on m.member = b.other
     cross join lateral (
           select true where b.becomes and m.may_set or m.admin_option
           union all
           select false where m.inherits) g (becomes)
),

-- `role` can SET ROLE to `other`, or can grant itself the right to.
can_become (role, other) as (
    select role, other from reached_roles where becomes
)
