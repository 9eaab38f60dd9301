-- Deletes a task of the caller, by tasks_pkey. No row back: it does not exist, or not for them.
--   $1 user_id   $2 id
delete from app.tasks
 where user_id = $1
   and id      = $2
returning id
