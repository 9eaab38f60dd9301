-- Whether schema app is there although rowkeep.migrations is missing or empty. The size of the table answers this for
-- logins that may not read it.
select to_regnamespace('app') is not null
       and coalesce(pg_relation_size(to_regclass('rowkeep.migrations')), 0) = 0 as without_history
