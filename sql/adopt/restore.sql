-- Undoes sql/adopt/lift.sql.
alter table app.tasks enable trigger tasks_touch;
alter table app.tasks force row level security
