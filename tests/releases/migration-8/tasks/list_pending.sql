-- Lists pending tasks of the caller, newest first, by tasks_pending_idx.
--   $1 user_id   $2 exclusive upper bound of id (2^63-1: from the newest)   $3 limit   $4 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and not completed
   and id < $2
 order by id desc
 limit $3 offset $4
