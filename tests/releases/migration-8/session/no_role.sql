-- Acts as the login itself until the transaction ends.
set local role none
