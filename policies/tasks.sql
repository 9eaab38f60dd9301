-- Who may do what to app.tasks.
--
--   fence        nobody, whatever other policy is ever added, gets past their own rows
--   owner_only   rowkeep_api sees and changes the rows of app.current_user_id(), no others
--
-- Nobody else has a permissive policy, so nobody else has rows: not even rowkeep_owner (force).
--
-- The sub-select makes the identity a constant of each execution. Without it a plan could be made for one
-- user's volume of rows and be kept for another's.

alter table app.tasks enable row level security;
alter table app.tasks force  row level security;

create policy fence on app.tasks
    as restrictive for all to public
    using      (user_id = (select app.current_user_id()))
    with check (user_id = (select app.current_user_id()));

comment on policy fence on app.tasks is
    'No policy added beside it can show or change a row of another user.';

create policy owner_only on app.tasks
    for all to rowkeep_api
    using      (user_id = (select app.current_user_id()))
    with check (user_id = (select app.current_user_id()));

comment on policy owner_only on app.tasks is
    'A task is visible to, and writable by, the one user whose id it carries.';

-- Columns are listed: id, user_id and the time stamps are nobody's to write.
grant select, delete                         on app.tasks to rowkeep_api;
grant insert (title, description, completed) on app.tasks to rowkeep_api;
grant update (title, description, completed) on app.tasks to rowkeep_api;
