-- Users wanted to keep what is no task: a text without a state.
set local role rowkeep_owner;

create table app.notes (
    -- Ascending with creation, and never more than a JavaScript number can hold.
    id         bigint      not null generated always as identity (maxvalue 9007199254740991),
    user_id    text        not null default app.current_user_id(),
    body       text        not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,

    -- user_id first: every query asks for one user's rows, and it is the key to distribute by.
    constraint notes_pkey
        primary key (user_id, id),
    constraint notes_user_id_length
        check (char_length(user_id) between 1 and 255),
    constraint notes_body_length
        check (char_length(body) between 1 and 10000)
);

comment on table app.notes is
    'A row is one thing one user wants to remember. Only that user sees it or changes it.';
comment on column app.notes.user_id is
    'Whose note it is. Nobody writes it: it is the user of the transaction that creates the row.';
comment on column app.notes.updated_at is
    'When the row last really changed; a change that changes nothing does not move it.';

comment on constraint notes_pkey on app.notes is
    'A note is found by its user and its id, never by its id alone.';
comment on constraint notes_user_id_length on app.notes is
    'user_id must be 1 to 255 characters long';
comment on constraint notes_body_length on app.notes is
    'body must be 1 to 10000 characters long';

comment on index app.notes_pkey is
    'Serves every query by id, and the list of a user''s notes, newest first.';

create function app.notes_touch() returns trigger
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
        raise exception 'id, user_id and created_at of a note never change'
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

comment on function app.notes_touch() is
    'Stamps created_at and updated_at. Refuses, for whoever asks, to change id, user_id or created_at.';

create trigger notes_touch before insert or update on app.notes
    for each row execute function app.notes_touch();

comment on trigger notes_touch on app.notes is
    'No client can set or move the time stamps, or hand a note to somebody else.';

reset role;
