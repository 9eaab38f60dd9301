-- Who may do what to app.notes.
--
--   fence        nobody, whatever other policy is ever added, gets past their own rows
--   owner_only   rowkeep_api sees and changes the rows of app.current_user_id(), no others
--
-- Nobody else has a permissive policy, so nobody else has rows: not even rowkeep_owner (force).

alter table app.notes enable row level security;
alter table app.notes force  row level security;

create policy fence on app.notes
    as restrictive for all to public
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy fence on app.notes is
    'No policy added beside it can show or change a row of another user.';

create policy owner_only on app.notes
    for all to rowkeep_api
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy owner_only on app.notes is
    'A note is visible to, and writable by, the one user whose id it carries.';

-- Columns are listed: id, user_id and the time stamps are nobody's to write.
grant select, delete on app.notes to rowkeep_api;
grant insert (body)  on app.notes to rowkeep_api;
grant update (body)  on app.notes to rowkeep_api;
