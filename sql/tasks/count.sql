-- Counts the tasks of the caller: the entries of tasks_pkey.
--   $1 user_id
select count(*)
  from app.tasks
 where user_id = $1
