-- Fails if app.tasks is distributed over the nodes of a cluster (Citus): what is compared and lifted here is the table of one server.
do $$
declare
    is_distributed boolean := false;
begin
    if to_regclass('pg_catalog.pg_dist_partition') is not null then
        execute 'select exists (select from pg_catalog.pg_dist_partition where logicalrelid = ''app.tasks''::regclass)'
           into is_distributed;
    end if;
    if is_distributed then
        raise 'app.tasks is distributed (Citus): adopt the tasks into a database that is not, and then run sql/scale/citus.sql';
    end if;
end
$$
