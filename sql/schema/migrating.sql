-- The settings of a migrating session.
--   row_security   A statement that the policies would filter fails. Otherwise a migration of rows would change none of
--                  them and report success: the policies bind the owner, too.
--   search_path    Every name must say its schema.
--   lock_timeout   Requests queue behind a lock that this session waits for, so it does not wait for long.
--   other limits   None: a migration, or a copy of many rows, takes longer than the login may have stored.
--   jit            Compiling what the policies ask the catalogues takes seconds, running it takes milliseconds.
--   citus.*        A distributed database sends no setting of this session to its nodes (sql/schema/begin_migration.sql does),
--                  takes triggers of tables, and changes one shard after the other, which any statement may follow. It waits a
--                  second for a node that hangs. PostgreSQL alone ignores these.
--   client_connection_check_interval   A statement ends soon after this program was killed, and so do its locks.
set row_security = off;
set search_path = '';
set lock_timeout = '2s';
-- PostgreSQL has transaction_timeout from release 17 on.
select set_config(name, '0', false)
  from pg_settings
 where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout');
set jit = off;
set citus.propagate_set_commands = 'none';
set citus.node_connection_timeout = 1000;
set citus.enable_unsafe_triggers = on;
set citus.multi_shard_modify_mode = 'sequential';

do $$
begin
    set client_connection_check_interval = '5s';
exception
    -- PostgreSQL cannot do it on this operating system.
    when invalid_parameter_value then null;
end
$$
