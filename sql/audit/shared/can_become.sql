-- `role` can SET ROLE to `other`, or can grant itself the right to.
can_become (role, other) as (
    select oid, oid from roles
    union
    select b.role, m.roleid from can_become b join memberships m on m.member = b.other and (m.may_set or m.admin_option)
)
