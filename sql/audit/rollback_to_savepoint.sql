-- Undoes an attempt: its rows, locks, identity and role.
rollback to savepoint attempt
