-- Tables that inherit from a table of app, directly or not. A query of a child table by its own name follows the policies
-- of the child.
child_tables (oid, of) as (
    select i.inhrelid, t.oid from pg_inherits i join tables t on t.oid = i.inhparent
    union
    select i.inhrelid, h.of from pg_inherits i join child_tables h on h.oid = i.inhparent
)
