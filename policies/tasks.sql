-- Who may do what to app.tasks.
--
--   fence        nobody, whatever other policy is ever added, gets past their own rows
--   owner_only   rowkeep_api sees and changes the rows of app.current_user_id(), no others
--
-- Nobody else has a permissive policy, so nobody else has rows: not even rowkeep_owner (force).
--
-- There is no sub-select around app.current_user_id():
--
--   - PostgreSQL inlines the function. It folds the condition with the `user_id = $1` of a statement into one test before
--     the scan (the One-Time Filter of EXPLAIN). So the plans of sql/ are the same with and without a sub-select.
--   - Without it, PostgreSQL needs 2 to 7 % less processor time for a read, a list of 20, a replace or a delete.
--   - A distributed database such as Citus refuses a policy with a sub-select.
--
-- The price: a cached plan of a query without `user_id = $1` suits the user who ran it first. Only psql sends such queries.

alter table app.tasks enable row level security;
alter table app.tasks force  row level security;

create policy fence on app.tasks
    as restrictive for all to public
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy fence on app.tasks is
    'No policy added beside it can show or change a row of another user.';

create policy owner_only on app.tasks
    for all to rowkeep_api
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy owner_only on app.tasks is
    'A task is visible to, and writable by, the one user whose id it carries.';

-- Columns are listed: id, user_id and the time stamps are nobody's to write.
grant select, delete                         on app.tasks to rowkeep_api;
grant insert (title, description, completed) on app.tasks to rowkeep_api;
grant update (title, description, completed) on app.tasks to rowkeep_api;
