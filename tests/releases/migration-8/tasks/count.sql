-- Counts all tasks of the caller, in tasks_pkey.
--   $1 user_id
select count(*)
  from app.tasks
 where user_id = $1
