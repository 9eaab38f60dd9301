-- The settings of a migrating session.
--   row_security   A statement that the policies would filter fails. Otherwise a migration of rows would change none of
--                  them and report success: the policies bind the owner, too.
--   search_path    Every name must say its schema.
--   lock_timeout   Requests queue behind a lock that this session waits for, so it does not wait for long.
set row_security = off;
set search_path = '';
set lock_timeout = '2s'
