-- An upgrade of the operating system or of ICU can change the order of letters. An index on user_id was then in the wrong
-- order, and some users did not find their rows. In the collation "C" user ids are compared byte by byte, and no library
-- decides their order.
set local role rowkeep_owner;

-- Postgres does not change the type of a column that views or policies use. Names those that others have made.
do $$
declare
    others text;
begin
    select string_agg(distinct pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
      into others
      from pg_depend d
      join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      left join pg_policy p on p.oid = d.objid and d.classid = 'pg_policy'::regclass
     where d.refclassid = 'pg_class'::regclass
       and d.refobjid = 'app.tasks'::regclass
       and a.attname = 'user_id'
       and (p.polname in ('fence', 'owner_only') and p.polrelid = 'app.tasks'::regclass) is not true
       -- Postgres adapts these by itself.
       and d.classid not in ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_attrdef'::regclass,
                             'pg_statistic_ext'::regclass);
    if others is not null then
        raise exception 'the collation of app.tasks.user_id must change, and other objects use the column: %', others
            using errcode = 'dependent_objects_still_exist',
                  hint = 'Drop them, run `rowkeep migrate`, and create them again.';
    end if;
end
$$;

-- One transaction: no session sees row security without a policy that lets users see their rows.
drop policy if exists fence      on app.tasks;
drop policy if exists owner_only on app.tasks;

-- The rows are not written again. Postgres builds the three indexes anew and checks the length of the user ids.
alter table app.tasks alter column user_id type text collate "C";

create policy fence on app.tasks
    as restrictive for all to public
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy fence on app.tasks is
    'A policy that is added beside this one cannot show or change a row of another user.';

create policy owner_only on app.tasks
    for all to rowkeep_api
    using      (user_id = app.current_user_id())
    with check (user_id = app.current_user_id());

comment on policy owner_only on app.tasks is
    'Each user can see and change their own tasks, and no others.';

reset role;
