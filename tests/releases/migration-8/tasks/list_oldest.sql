-- Lists tasks of the caller, oldest first, by tasks_pkey.
--   $1 user_id   $2 exclusive lower bound of id (0: from the oldest)   $3 limit   $4 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and id > $2
 order by id
 limit $3 offset $4
