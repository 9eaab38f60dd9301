-- Records which policies are in force from now on.
--   $1 digest of the folder, SHA-256 in hexadecimal
insert into rowkeep.policies (digest)
values ($1)
