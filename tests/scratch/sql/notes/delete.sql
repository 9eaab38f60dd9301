-- Deletes a note of the caller. Returns no row if the caller has no such note.
--   $1 user_id   $2 id
delete from app.notes
 where user_id = $1
   and id      = $2
returning id
