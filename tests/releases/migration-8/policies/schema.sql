-- Who may use the schemas and call their functions. Only the owner can create objects in them.
--
--   rowkeep_api       requests: take on an identity, ask for it, read the schema version and the key of cursors
--   rowkeep_auditor   auditors: read the definitions and the history, and no row of any table of app

grant usage on schema app to rowkeep_api, rowkeep_auditor;

grant execute on function app.current_user_id() to rowkeep_api;
grant execute on function app.identify(text)    to rowkeep_api;
grant execute on function app.schema_version()  to rowkeep_api, rowkeep_auditor;
grant execute on function app.cursor_key()      to rowkeep_api;

grant usage  on schema rowkeep                                to rowkeep_auditor;
grant select on table  rowkeep.migrations, rowkeep.policies   to rowkeep_auditor;
