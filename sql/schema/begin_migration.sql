-- Begins a transaction that may change tables. A distributed database (Citus) sends these settings on to the nodes: on a shard,
-- too, a statement fails that the policies would filter. PostgreSQL alone ignores them.
set local citus.propagate_set_commands = 'local';
set local row_security = off;

-- Where nodes are there and no table is distributed yet, objects stay on the coordinator: sql/scale/citus.sql copies them. As
-- the owner, Citus could not make the roles on the nodes.
do $$
declare
    is_distributed boolean := true;
begin
    if to_regclass('pg_catalog.pg_dist_partition') is not null then
        execute 'select exists (select
                                  from pg_catalog.pg_dist_partition p
                                  join pg_catalog.pg_class c on c.oid = p.logicalrelid
                                  join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = ''app'')'
           into is_distributed;
    end if;
    if not is_distributed then
        set local citus.enable_ddl_propagation = off;
    end if;
end
$$
