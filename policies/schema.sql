-- Who may use the schemas and call their functions. Only the owner can create objects in them.
--
--   rowkeep_api       requests: take on an identity, ask for it, read the schema version, the key of cursors, and what the
--                     audit at the start of the server accepts
--   rowkeep_auditor   auditors: read the definitions, the history and what is accepted, and no row of any table of app

grant usage on schema app to rowkeep_api, rowkeep_auditor;

grant execute on function app.current_user_id() to rowkeep_api;
grant execute on function app.identify(text)    to rowkeep_api;
grant execute on function app.schema_version()  to rowkeep_api, rowkeep_auditor;
grant execute on function app.cursor_key()      to rowkeep_api;
grant execute on function app.accepted()        to rowkeep_api, rowkeep_auditor;

-- Members of pg_write_all_data need no privilege to write it. Without a policy for them they change no row.
alter table rowkeep.accepted enable row level security;

create policy auditors_read on rowkeep.accepted
    for select to rowkeep_auditor
    using (true);

comment on policy auditors_read on rowkeep.accepted is
    'Auditors see what is accepted. Only the owner writes it.';

grant usage  on schema rowkeep                                                   to rowkeep_auditor;
grant select on table  rowkeep.migrations, rowkeep.policies, rowkeep.accepted    to rowkeep_auditor;
