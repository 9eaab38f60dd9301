-- Makes the roles, which belong to the whole cluster, and makes this login a member of those it needs. Does
-- nothing that is done already; other databases of the cluster may be doing the same at this moment.

do $$
declare
    made constant text[] := array['rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor'];
    said constant text[] := array[
        'Owns everything in schema app and migrates it. Nobody logs in as it, and the policies bind it, too.',
        'What every request runs as. Bound by the policies: must never get SUPERUSER, BYPASSRLS or an ownership.',
        'Looks at definitions and history. Has no row of any table of app.'];
begin
    for i in 1 .. array_length(made, 1) loop
        if to_regrole(made[i]) is null then
            begin
                execute format('create role %I nologin', made[i]);
            exception
                -- Somebody else made it just now.
                when duplicate_object or unique_violation then null;
            end;
        end if;

        if shobj_description(to_regrole(made[i]), 'pg_authid') is null then
            begin
                execute format('comment on role %I is %L', made[i], said[i]);
            exception
                -- Somebody else commented it just now ("tuple concurrently updated"), or it is not ours.
                when unique_violation or internal_error or insufficient_privilege then null;
            end;
        end if;
    end loop;
end
$$;

do $$
declare
    name  text;
begin
    foreach name in array array['rowkeep_owner', 'rowkeep_api'] loop
        -- Several databases of one cluster may grant the same at once: the loser looks again.
        for attempt in 1 .. 20 loop
            exit when pg_has_role(name, 'USAGE');

            begin
                execute format('grant %I to %I', name, session_user);
                exit when pg_has_role(name, 'USAGE');
                raise insufficient_privilege;
            exception
                when unique_violation or internal_error then
                    perform pg_sleep(0.05);
                when insufficient_privilege then
                    raise exception 'the login % needs the rights of %, and may not grant them to itself',
                                    session_user, name
                        using errcode = 'insufficient_privilege',
                              hint = format('An administrator must run: GRANT rowkeep_owner, rowkeep_api TO %I;'
                                            ' and the login must not be NOINHERIT.', session_user);
            end;
        end loop;

        if not pg_has_role(name, 'USAGE') then
            raise exception 'others grant % to the login % at this moment, and nobody gets it', name, session_user
                using hint = 'Run it again.';
        end if;
    end loop;
end
$$
