-- Every statement of every request paid for setting and resetting search_path around two functions: a quarter to a third
-- of what reading one task cost. Nothing in them is looked up by it any more.
set local role rowkeep_owner;

-- What a body in standard SQL names is bound when it is created, so that no path can bring in another; and without a
-- setting of its own the function is inlined where it is called.
create or replace function app.current_user_id() returns text
    language sql
    stable  -- never immutable: a cached plan would keep the first user for every later one
    parallel safe
    -- After its first use in a session a transaction's setting reads as '', not as null.
    return nullif(pg_catalog.current_setting('app.user_id', true), '');

create or replace function app.identify(user_id text) returns void
    language plpgsql  -- not sql: its statements would all be planned before the role is taken on
    volatile
    -- No search_path of its own: everything in it says where it comes from, operators too.
as $$
begin
    if user_id is null or user_id operator(pg_catalog.=) '' then
        raise exception 'app.identify needs a user id'
            using errcode = 'invalid_authorization_specification';
    end if;

    -- SET LOCAL and not set_config(): a distributed database forwards only the former.
    execute pg_catalog.format('set local app.user_id = %L', user_id);
    set local role rowkeep_api;
end
$$;

reset role;
