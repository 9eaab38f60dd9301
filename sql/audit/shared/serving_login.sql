-- The login of DATABASE_URL. Only `rowkeep audit` and `rowkeep serve` say which it is: with psql there is none.
serving_login (oid) as (
    select oid from roles where rolname = current_setting('rowkeep.serving_login', true)
)
