-- Replaces what the caller may edit of a task, by tasks_pkey. No row back: it does not exist, or not for them.
--   $1 user_id   $2 id   $3 title
--   $4 whether the description is replaced   $5 the description (null clears it)
--   $6 completed (null keeps it)
update app.tasks
   set title       = $3,
       description = case when $4 then $5 else description end,
       completed   = coalesce($6, completed)
 where user_id = $1
   and id      = $2
returning id, user_id, title, description, completed, created_at, updated_at
