-- Replaces the fields of one task that its user may edit, by tasks_pkey. Returns no row if the caller has no such task.
--   $1 user_id   $2 id   $3 title
--   $4 true to replace the description   $5 description (null clears it)
--   $6 completed (null keeps it)
update app.tasks
   set title       = $3,
       description = case when $4 then $5 else description end,
       completed   = coalesce($6, completed)
 where user_id = $1
   and id      = $2
returning id, user_id, title, description, completed, created_at, updated_at
