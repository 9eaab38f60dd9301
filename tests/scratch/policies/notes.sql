-- Who may do what to app.notes.
--
--   fence        restrictive: no policy that is added beside it shows or changes rows of another user
--   owner_only   permissive: rowkeep_api sees and changes the rows of app.current_user_id(), and no others
--
-- No other role has a permissive policy, so no other role sees a row. With `force` this holds for rowkeep_owner as well.

alter table app.notes enable row level security;
alter table app.notes force  row level security;

create policy fence on app.notes
    as restrictive for all to public
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy fence on app.notes is
    'A policy that is added beside this one cannot show or change a row of another user.';

create policy owner_only on app.notes
    for all to rowkeep_api
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy owner_only on app.notes is
    'Each user can see and change their own notes, and no others.';

-- The grants list columns, so that no client can write id, user_id or the time stamps.
grant select, delete on app.notes to rowkeep_api;
grant insert (body)  on app.notes to rowkeep_api;
grant update (body)  on app.notes to rowkeep_api;
