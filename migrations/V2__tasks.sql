-- What users came for: a table of tasks in which every row says whose it is.
set local role rowkeep_owner;

create table app.tasks (
    -- Ascending with creation, and never more than a JavaScript number can hold.
    id          bigint      not null generated always as identity (maxvalue 9007199254740991),
    user_id     text        not null default app.current_user_id(),
    title       text        not null,
    description text,
    completed   boolean     not null default false,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,

    -- user_id first: every query asks for one user's rows, and it is the key to distribute by.
    constraint tasks_pkey
        primary key (user_id, id),
    constraint tasks_user_id_length
        check (char_length(user_id) between 1 and 255),
    -- At least one character that is not Unicode White_Space; spelled out, since what \s means depends on the locale.
    constraint tasks_title_blank
        check (title ~ ('[^\u0009\u000A\u000B\u000C\u000D\u0020\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004'
                        '\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000]')),
    constraint tasks_title_length
        check (char_length(title) between 1 and 200),
    constraint tasks_description_length
        check (char_length(description) <= 1000)
);

comment on table app.tasks is
    'A row is one thing one user means to do. Only that user sees it or changes it.';
comment on column app.tasks.user_id is
    'Whose task it is. Nobody writes it: it is the user of the transaction that creates the row.';
comment on column app.tasks.updated_at is
    'When the row last really changed; a change that changes nothing does not move it.';

comment on constraint tasks_pkey on app.tasks is
    'A task is found by its user and its id, never by its id alone.';
comment on constraint tasks_user_id_length on app.tasks is
    'user_id must be 1 to 255 characters long';
comment on constraint tasks_title_blank on app.tasks is
    'title must not be blank';
comment on constraint tasks_title_length on app.tasks is
    'title must be 1 to 200 characters long';
comment on constraint tasks_description_length on app.tasks is
    'description must be at most 1000 characters long';

comment on index app.tasks_pkey is
    'Serves every query by id, and the list of a user''s tasks, newest first.';

create index tasks_user_id_id_idx on app.tasks (user_id, id desc) where not completed;

comment on index app.tasks_user_id_id_idx is
    'Serves the list of a user''s pending tasks, when most of theirs are completed.';

create function app.tasks_touch() returns trigger
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        new.created_at := pg_catalog.clock_timestamp();
        new.updated_at := new.created_at;
        return new;
    end if;

    if (new.id, new.user_id, new.created_at) is distinct from (old.id, old.user_id, old.created_at) then
        raise exception 'id, user_id and created_at of a task never change'
            using errcode = 'insufficient_privilege';
    end if;

    if new is distinct from old then
        -- A clock set back, or a change that waited for another, must not move it backwards.
        new.updated_at := greatest(pg_catalog.clock_timestamp(),
                                   old.updated_at + interval '1 microsecond');
    end if;

    return new;
end
$$;

comment on function app.tasks_touch() is
    'Stamps created_at and updated_at. Refuses, for whoever asks, to change id, user_id or created_at.';

create trigger tasks_touch before insert or update on app.tasks
    for each row execute function app.tasks_touch();

comment on trigger tasks_touch on app.tasks is
    'No client can set or move the time stamps, or hand a task to somebody else.';

reset role;
