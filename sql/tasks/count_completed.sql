-- Counts the tasks of the caller that are done: the entries of tasks_completed_idx.
--   $1 user_id
select count(*)
  from app.tasks
 where user_id = $1
   and completed
