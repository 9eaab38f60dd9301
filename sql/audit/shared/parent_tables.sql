-- Tables from which a table of app inherits, directly or not. A query of a parent table also reads its children, by the
-- policies of the parent.
parent_tables (oid, of) as (
    select i.inhparent, t.oid from pg_inherits i join tables t on t.oid = i.inhrelid
    union
    select i.inhparent, a.of from pg_inherits i join parent_tables a on a.oid = i.inhrelid
)
