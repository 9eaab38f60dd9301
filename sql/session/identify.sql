-- Makes the transaction one user's, as rowkeep_api.
--   $1 user_id
select app.identify($1)
