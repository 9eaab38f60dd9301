-- Counts the tasks of the caller that are still to be done: the entries of tasks_pending_idx.
--   $1 user_id
select count(*)
  from app.tasks
 where user_id = $1
   and not completed
