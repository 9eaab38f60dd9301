-- Deletes a note of the caller. No row back: it does not exist, or not for them.
--   $1 user_id   $2 id
delete from app.notes
 where user_id = $1
   and id      = $2
returning id
