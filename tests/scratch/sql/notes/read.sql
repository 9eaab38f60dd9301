-- Reads one note of the caller. Returns no row if the caller has no such note.
--   $1 user_id   $2 id
select id, user_id, body, created_at, updated_at
  from app.notes
 where user_id = $1
   and id      = $2
