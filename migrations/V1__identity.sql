-- The foundation: a schema with an owner, and the one way to say whose rows a transaction may see.
create schema app authorization rowkeep_owner;

set local role rowkeep_owner;

comment on schema app is
    'Rowkeep: the tasks of all users, each visible to its own user alone.';

create function app.current_user_id() returns text
    language sql
    stable  -- never immutable: a cached plan would keep the first user for every later one
    parallel safe
    set search_path = ''
    -- After its first use in a session a transaction's setting reads as '', not as null.
    return nullif(pg_catalog.current_setting('app.user_id', true), '');

comment on function app.current_user_id() is
    'The user whose transaction this is; null: nobody, and nobody has no rows.';

create function app.identify(user_id text) returns void
    language plpgsql  -- not sql: its statements would all be planned before the role is taken on
    volatile
    set search_path = ''
as $$
begin
    if user_id is null or user_id = '' then
        raise exception 'app.identify needs a user id'
            using errcode = 'invalid_authorization_specification';
    end if;

    -- SET LOCAL and not set_config(): a distributed database forwards only the former.
    execute pg_catalog.format('set local app.user_id = %L', user_id);
    set local role rowkeep_api;
end
$$;

comment on function app.identify(text) is
    'Makes this transaction, and no other, the given user''s, restricted to rowkeep_api. '
    'Null or empty is refused. In psql: begin; select app.identify(''alice''); table app.tasks; rollback;';

create function app.schema_version(out migration integer, out policies text)
    language sql
    stable
    security definer  -- reads the history, which requests have no business in; takes no argument
    set search_path = ''
as $$
    select (select max(version) from rowkeep.migrations),
           (select digest from rowkeep.policies order by id desc limit 1)
$$;

comment on function app.schema_version() is
    'The last migration applied and the SHA-256 of the policies in force; null: none yet.';

reset role;
