-- Takes on the owner of app.tasks until the transaction ends.
set local role rowkeep_owner
