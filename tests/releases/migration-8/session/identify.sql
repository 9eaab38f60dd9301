-- Sets the user of the transaction and takes on the role rowkeep_api, both for this transaction only.
--   $1 user_id
select app.identify($1)
