-- Creates a note of the caller. It binds no user_id: that is the column's default, and the policy checks it.
--   $1 body
insert into app.notes (body)
values ($1)
returning id, user_id, body, created_at, updated_at
