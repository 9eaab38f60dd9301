-- The settings of a migrating session.
--   row_security   A statement that the policies would filter fails. Otherwise a migration of rows would change none of
--                  them and report success: the policies bind the owner, too.
--   search_path    Every name must say its schema.
--   lock_timeout   Requests queue behind a lock that this session waits for, so it does not wait for long.
--   client_connection_check_interval   A statement ends soon after this program was killed, and so do its locks.
set row_security = off;
set search_path = '';
set lock_timeout = '2s';

do $$
begin
    set client_connection_check_interval = '5s';
exception
    -- PostgreSQL cannot do it on this operating system.
    when invalid_parameter_value then null;
end
$$
