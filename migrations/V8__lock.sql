-- `rowkeep migrate` waited for an advisory lock. Its number is public, and PostgreSQL lets every login take it, so that any
-- login could keep every migration waiting. Only the owner of a table can lock its rows.
set local role rowkeep_owner;

create table rowkeep.lock (
    -- True in the only row that there can be.
    only_row boolean primary key default true check (only_row)
);

comment on table rowkeep.lock is
    'One row. `rowkeep migrate` and `rowkeep adopt` lock it while they work, so that one of them runs at a time. It is '
    'granted to nobody, so that no other role can lock it.';

insert into rowkeep.lock default values;

-- Until the policies have been applied: a stored default privilege may have granted something.
revoke all on rowkeep.lock from public, rowkeep_api, rowkeep_auditor;

reset role;
