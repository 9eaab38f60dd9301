-- Whether this login can lock the row of rowkeep.lock. Not before migration 8. Not after a restore that gave the table to
-- another owner either: the lock would be in the way of the statement that sets the owner.
select exists (select
                 from pg_class c
                 join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'rowkeep'
                  and c.relname = 'lock'
                  and c.relowner = to_regrole('rowkeep_owner')
                  and has_schema_privilege(n.oid, 'USAGE')
                  and has_table_privilege(c.oid, 'SELECT')
                  and has_table_privilege(c.oid, 'UPDATE')) as is_there
