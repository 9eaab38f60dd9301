-- Lists notes of the caller, newest first.
--   $1 user_id   $2 limit (null: all)   $3 offset
select id, user_id, body, created_at, updated_at
  from app.notes
 where user_id = $1
 order by id desc
 limit $2 offset $3
