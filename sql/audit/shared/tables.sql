-- The tables that hold rows of users.
tables as (
    select * from relations where nspname = 'app' and relkind in ('r', 'p', 'f')
)
