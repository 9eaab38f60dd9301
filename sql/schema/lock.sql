-- Takes the lock for changing this database until the transaction ends: one process at a time migrates or adopts. Only
-- rowkeep_owner and its members have the privileges for that. No row: somebody deleted it.
select only_row from rowkeep.lock for update
