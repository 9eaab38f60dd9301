-- Creates the roles, and makes this login a member of those it needs. Skips what is done already. Roles belong to the
-- whole cluster: other databases may be doing the same at this moment.

do $$
declare
    names constant text[] := array['rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor'];
    comments constant text[] := array[
        'Owns everything in schema app and migrates it. Nobody logs in as it. The policies bind it, too.',
        'Every request runs as this role. The policies bind it: it must never get SUPERUSER, BYPASSRLS or own anything.',
        'Reads definitions and history. Sees no row of any table of app.'];
begin
    for i in 1 .. array_length(names, 1) loop
        if to_regrole(names[i]) is null then
            begin
                execute format('create role %I nologin', names[i]);
            exception
                -- Another session created it just now.
                when duplicate_object or unique_violation then null;
            end;
        end if;

        if shobj_description(to_regrole(names[i]), 'pg_authid') is null then
            begin
                execute format('comment on role %I is %L', names[i], comments[i]);
            exception
                -- Another session commented it just now ("tuple concurrently updated"), or this login may not.
                when unique_violation or internal_error or insufficient_privilege then null;
            end;
        end if;
    end loop;
end
$$;

do $$
declare
    name    text;
    refused boolean := false;
begin
    foreach name in array array['rowkeep_owner', 'rowkeep_api'] loop
        -- Several databases of one cluster may grant the same at once: the one that fails tries again.
        for attempt in 1 .. 20 loop
            exit when refused or pg_has_role(name, 'USAGE');

            begin
                execute format('grant %I to %I', name, session_user);
                refused := not pg_has_role(name, 'USAGE');
            exception
                when insufficient_privilege then
                    refused := true;
                when unique_violation or internal_error then
                    -- Not from another session: the login can become a role that may grant it, and does not have its privileges.
                    refused := sqlerrm = 'no possible grantors';
                    perform pg_sleep(0.05);
            end;
        end loop;

        if refused then
            raise exception 'the login % needs the privileges of %, and may not grant them to itself',
                            session_user, name
                using errcode = 'insufficient_privilege',
                      hint = format('An administrator must run: GRANT rowkeep_owner, rowkeep_api TO %I;'
                                    ' and the login must not be NOINHERIT.', session_user);
        end if;

        if not pg_has_role(name, 'USAGE') then
            raise exception 'other sessions are granting % to the login % at this moment, and none succeeds', name, session_user
                using hint = 'Run it again.';
        end if;
    end loop;
end
$$
