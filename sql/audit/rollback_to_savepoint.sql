-- Takes an attempt back: its rows, its locks, its identity and its role.
rollback to savepoint attempt
