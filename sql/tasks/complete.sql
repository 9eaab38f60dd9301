-- Sets whether a task of the caller is done, by tasks_pkey. No row back: it does not exist, or not for them.
--   $1 user_id   $2 id   $3 completed
update app.tasks
   set completed = $3
 where user_id = $1
   and id      = $2
returning id, user_id, title, description, completed, created_at, updated_at
