-- Changes what is given of one task of the caller, by tasks_pkey, and keeps the rest. Concurrent changes wait for each other,
-- so no flip is lost. Returns no row if the caller has no such task.
--   $1 user_id   $2 id   $3 title (null keeps it)
--   $4 true to change the description   $5 description (null clears it)
--   $6 true to change completed   $7 completed (null flips it)
update app.tasks
   set title       = coalesce($3, title),
       description = case when $4 then $5 else description end,
       completed   = case when $6 then coalesce($7, not completed) else completed end
 where user_id = $1
   and id      = $2
returning id, user_id, title, description, completed, created_at, updated_at
