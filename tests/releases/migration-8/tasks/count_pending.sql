-- Counts the pending tasks of the caller, in tasks_pending_idx.
--   $1 user_id
select count(*)
  from app.tasks
 where user_id = $1
   and not completed
