-- Creates the schema that records migrations and policies. Not in schema public: a login that does not own the database
-- may create nothing there. Not in schema app: requests may read that one.
create schema if not exists rowkeep authorization rowkeep_owner;

set local role rowkeep_owner;

comment on schema rowkeep is
    'What has been applied to schema app, and when; and the keys that cursors of lists are sealed with.';

-- The columns are those that refinery writes.
create table if not exists rowkeep.migrations (
    version    integer primary key,
    name       varchar(255),
    applied_on varchar(255),
    checksum   varchar(255)
);

comment on table rowkeep.migrations is 'A row is one file of migrations/ that has been applied.';

create table if not exists rowkeep.policies (
    id         bigint      primary key generated always as identity,
    digest     text        not null,
    applied_at timestamptz not null default now()
);

comment on table rowkeep.policies is
    'A row is one time that policies/ was applied, as a whole; the last one is in force. digest is its SHA-256.';

reset role
