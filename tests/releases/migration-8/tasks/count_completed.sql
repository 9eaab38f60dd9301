-- Counts the completed tasks of the caller, in tasks_completed_idx.
--   $1 user_id
select count(*)
  from app.tasks
 where user_id = $1
   and completed
