-- Creates a task of the caller. It binds no user_id: that is the column's default, and the policy checks it.
--   $1 title   $2 description (may be null)   $3 completed
insert into app.tasks (title, description, completed)
values ($1, $2, $3)
returning id, user_id, title, description, completed, created_at, updated_at
