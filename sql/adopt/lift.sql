-- Lets the owner of app.tasks reach the rows of all users, and keep the time stamps of the rows that it inserts. The
-- transaction holds an exclusive lock, and sql/adopt/restore.sql undoes this before it ends.
alter table app.tasks no force row level security;
alter table app.tasks disable trigger tasks_touch
