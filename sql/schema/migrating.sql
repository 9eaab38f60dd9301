-- How a migrating session works: it sees every row or fails, instead of silently changing none (the owner is
-- subject to the policies, too), it takes no name for another, and it does not make requests queue for long behind
-- a lock that it cannot get.
set row_security = off;
set search_path = '';
set lock_timeout = '2s'
