-- `role` has the privileges of `other`, or can take them.
can_use (role, other) as (
    select role, other from can_become
    union
    select u.role, m.roleid from can_use u join memberships m on m.member = u.other and m.inherits
)
