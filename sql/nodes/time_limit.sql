-- How long one node of a distributed database may take to answer a look. A node that hangs must not hide the others.
set local statement_timeout = '1s'
