-- `role` has the privileges of `other`, or can take them.
can_use (role, other) as (
    select distinct role, other from reached_roles
)
