-- Who may enter the schemas and call their functions. Nobody creates anything in them but the owner.
--
--   rowkeep_api       a request: says whose it is, asks who it is, and reads which version it meets and the key of
--                     cursors
--   rowkeep_auditor   looks at the definitions and the history, and has no row of any table of app

grant usage on schema app to rowkeep_api, rowkeep_auditor;

grant execute on function app.current_user_id() to rowkeep_api;
grant execute on function app.identify(text)    to rowkeep_api;
grant execute on function app.schema_version()  to rowkeep_api, rowkeep_auditor;
grant execute on function app.cursor_key()      to rowkeep_api;

grant usage  on schema rowkeep                                to rowkeep_auditor;
grant select on table  rowkeep.migrations, rowkeep.policies   to rowkeep_auditor;
