-- The audit named what a DBA had decided to keep, again with each run, so that its FAIL meant nothing any more. A decision
-- about one finding is a row now. The audit shows it with its reason, until it ends.
set local role rowkeep_owner;

create table rowkeep.accepted (
    id      text not null,
    subject text not null,
    why     text not null,
    who     text not null default session_user,
    until   date,

    constraint accepted_pkey primary key (id, subject),
    constraint accepted_id_form check (id ~ '^RK-[0-9]{3}$'),
    constraint accepted_subject_blank check (subject <> ''),
    constraint accepted_why_blank check (why ~ '[^[:space:]]'),
    constraint accepted_who_blank check (who ~ '[^[:space:]]')
);

comment on table rowkeep.accepted is
    'A row is one finding of `rowkeep audit` that a DBA has decided to keep. The audit shows it as ACCEPTED. Only the owner '
    'writes it.';
comment on column rowkeep.accepted.id is 'The number of the finding, as the audit prints it: RK-501.';
comment on column rowkeep.accepted.subject is
    'What the finding is about, as the audit prints it. Another subject is another finding.';
comment on column rowkeep.accepted.why is 'The reason, for the next DBA and for auditors.';
comment on column rowkeep.accepted.who is 'Who has decided it; by default the login that writes the row.';
comment on column rowkeep.accepted.until is
    'The last day on which it is accepted, in UTC. Null: no end.';

comment on constraint accepted_id_form on rowkeep.accepted is 'id must be the number of a finding, such as RK-501';
comment on constraint accepted_subject_blank on rowkeep.accepted is 'subject must not be empty';
comment on constraint accepted_why_blank on rowkeep.accepted is 'why must not be blank';
comment on constraint accepted_who_blank on rowkeep.accepted is 'who must not be blank';

-- The login of requests runs the audit as well, and has no privilege in schema rowkeep. Rows of a child table do not count:
-- another role could write it.
create function app.accepted() returns setof rowkeep.accepted
    language sql
    stable
    security definer
    set search_path = ''
as $$
    select id, subject, why, who, until from only rowkeep.accepted
$$;

comment on function app.accepted() is
    'The findings of `rowkeep audit` that a DBA has accepted, for the audit.';

-- Until the policies have been applied: a stored default privilege may have granted something.
revoke all on rowkeep.accepted from public, rowkeep_api, rowkeep_auditor;
revoke all on function app.accepted() from public;

reset role;
