-- How a migrating session works: it sees every row or fails, instead of silently changing none (the owner is
-- subject to the policies, too), and it does not make requests queue for long behind a lock that it cannot get.
set row_security = off;
set lock_timeout = '2s'
