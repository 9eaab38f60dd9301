-- Lists could not be left off and taken up again, and the completed tasks of somebody with many pending ones were slow to
-- find.
set local role rowkeep_owner;

create index tasks_user_id_id_completed_idx on app.tasks (user_id, id desc) where completed;

comment on index app.tasks_user_id_id_completed_idx is
    'Serves the list of a user''s completed tasks, when most of theirs are pending.';

-- Every instance of the server must know it, whatever it verifies tokens with: the database is all that they share.
create table rowkeep.cursor_keys (
    id      bigint      primary key generated always as identity,
    -- 244 random bits, and 256 by all appearance.
    key     bytea       not null default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    made_at timestamptz not null default now()
);

comment on table rowkeep.cursor_keys is
    'A row is a key that cursors of lists are sealed with; the last one is in force. Another row and a restart of the '
    'servers make every cursor void, and clients begin their list anew.';

insert into rowkeep.cursor_keys default values;

create function app.cursor_key() returns bytea
    language sql
    stable
    security definer  -- reads what requests have no business in; takes no argument
    set search_path = ''
as $$
    select key from rowkeep.cursor_keys order by id desc limit 1
$$;

-- Until the policies have been applied.
revoke execute on function app.cursor_key() from public;

comment on function app.cursor_key() is
    'The key that cursors of lists are sealed with: a title in an address must be nobody else''s to read.';

reset role;
