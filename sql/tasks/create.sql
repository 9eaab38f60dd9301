-- Creates a task of the caller. It binds no user_id: that is the column's default, and the policy checks it.
--   $1 title   $2 description (may be null)
insert into app.tasks (title, description)
values ($1, $2)
returning id, user_id, title, description, completed, created_at, updated_at
