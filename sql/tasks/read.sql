-- Reads one task of the caller, by tasks_pkey. No row: it does not exist, or not for them.
--   $1 user_id   $2 id
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and id      = $2
