-- Flips completed of one task of the caller, by tasks_pkey. Concurrent flips wait for each other, so none is lost. Returns
-- no row if the caller has no such task.
--   $1 user_id   $2 id
update app.tasks
   set completed = not completed
 where user_id = $1
   and id      = $2
returning id, user_id, title, description, completed, created_at, updated_at
