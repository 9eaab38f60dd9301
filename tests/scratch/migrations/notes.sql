-- Users wanted to keep texts that are no tasks.
set local role rowkeep_owner;

create table app.notes (
    -- Ids ascend with creation. The maximum is the largest integer that JavaScript can hold.
    id         bigint      not null generated always as identity (maxvalue 9007199254740991),
    user_id    text        collate "C" not null default app.current_user_id(),
    body       text        not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,

    -- user_id comes first: every query is for one user, and a distributed database needs it in the key.
    constraint notes_pkey
        primary key (user_id, id),
    constraint notes_user_id_length
        check (char_length(user_id) between 1 and 255),
    constraint notes_body_length
        check (char_length(body) between 1 and 10000)
);

comment on table app.notes is
    'A row is one note of one user. Only that user can see or change it.';
comment on column app.notes.user_id is
    'The user who owns the note. No client can write it: it is the user of the transaction that creates the row.';
comment on column app.notes.updated_at is
    'The time of the last change. An update that changes no value does not move it.';

comment on constraint notes_pkey on app.notes is
    'A note is identified by its user and its id together.';
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
        -- The clock can be set back, and an update can wait for another one. The time must still not go back.
        new.updated_at := greatest(pg_catalog.clock_timestamp(),
                                   old.updated_at + interval '1 microsecond');
    end if;

    return new;
end
$$;

comment on function app.notes_touch() is
    'Sets created_at and updated_at. Refuses every change of id, user_id or created_at, from every role.';

create trigger notes_touch before insert or update on app.notes
    for each row execute function app.notes_touch();

comment on trigger notes_touch on app.notes is
    'No client can set the time stamps, change an id, or give a note to another user.';

reset role;
