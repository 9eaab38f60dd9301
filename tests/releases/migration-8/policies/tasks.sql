-- Who may do what to app.tasks.
--
--   fence        restrictive: no policy that is added beside it shows or changes rows of another user
--   owner_only   permissive: rowkeep_api sees and changes the rows of app.current_user_id(), and no others
--
-- No other role has a permissive policy, so no other role sees a row. With `force` this holds for rowkeep_owner as well.
--
-- There is no sub-select around app.current_user_id():
--
--   - PostgreSQL inlines the function. It folds the condition with the `user_id = $1` of a statement into one test before
--     the scan (the One-Time Filter of EXPLAIN). So the plans of sql/ are the same with and without a sub-select.
--   - Without it, the transaction of a read, a list of 20, a create, a replace or a delete costs PostgreSQL 3 to 10 % less
--     processor time.
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
    'A policy that is added beside this one cannot show or change a row of another user.';

create policy owner_only on app.tasks
    for all to rowkeep_api
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy owner_only on app.tasks is
    'Each user can see and change their own tasks, and no others.';

-- The grants list columns, so that no client can write id, user_id or the time stamps.
grant select, delete                         on app.tasks to rowkeep_api;
grant insert (title, description, completed) on app.tasks to rowkeep_api;
grant update (title, description, completed) on app.tasks to rowkeep_api;
