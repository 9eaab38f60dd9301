-- Whether schema app is there although rowkeep.migrations is missing or empty. Reads the size of that table
-- in the catalogue, because a login without privileges on schema rowkeep may do that.
select to_regnamespace('app') is not null
       and not exists (select
                         from pg_class c
                         join pg_namespace n on n.oid = c.relnamespace
                        where n.nspname = 'rowkeep'
                          and c.relname = 'migrations'
                          and pg_relation_size(c.oid) > 0) as without_history
