-- What the policies and the identity functions must be, as PostgreSQL prints them with an empty search path. A function
-- whose body is text must match in every character. sql/session/probe.sql has the first two texts as well.
expected (predicate, identity, identify) as (values (
    '(user_id = app.current_user_id())',
    'RETURN NULLIF(current_setting(''app.user_id''::text, true), ''''::text)',
    $$
begin
    if user_id is null or user_id operator(pg_catalog.=) '' then
        raise exception 'app.identify needs a user id'
            using errcode = 'invalid_authorization_specification';
    end if;

    -- SET LOCAL and not set_config(): a distributed database forwards only the former.
    execute pg_catalog.format('set local app.user_id = %L', user_id);
    set local role rowkeep_api;
end
$$
)),

-- The functions of app that run as their owner (SECURITY DEFINER), with the text that each must have.
expected_definers (name, body) as (values
    ('app.accepted()', $$
    select id, subject, why, who, until from only rowkeep.accepted
$$),
    ('app.cursor_key()', $$
    select key from rowkeep.cursor_keys order by id desc limit 1
$$),
    ('app.schema_version()', $$
    select (select max(version) from rowkeep.migrations),
           (select digest from rowkeep.policies order by id desc limit 1)
$$)),

-- The other functions of app: those of triggers, `<table>_touch`. The text of the one that this release makes, as its md5.
expected_touches (name, body) as (values ('app.tasks_touch()', 'c2571d630933ce8d69865c8280fdfcec'))
