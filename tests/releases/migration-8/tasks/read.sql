-- Reads one task of the caller, by tasks_pkey. Returns no row if the caller has no such task.
--   $1 user_id   $2 id
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and id      = $2
