-- Replaces the body of a note of the caller. Returns no row if the caller has no such note.
--   $1 user_id   $2 id   $3 body
update app.notes
   set body = $3
 where user_id = $1
   and id      = $2
returning id, user_id, body, created_at, updated_at
