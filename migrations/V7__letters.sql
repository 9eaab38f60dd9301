-- Whether a search found a text in other letters depended on the locale of the database: in one with C.UTF-8 ΔΡΌΜΟΣ did not
-- find Δρόμος, and in a Turkish one title did not find TITLE. Searches now use a collation of their own, whose rules are
-- the same in every database: those of ICU for no particular language.
set local role rowkeep_owner;

do $$
declare
    rules text;
begin
    foreach rules in array array[
        'provider = icu, locale = ''und''',
        -- For a PostgreSQL that is built without ICU: its own rules, since 17.
        'provider = builtin, locale = ''C.UTF-8''',
        'provider = libc, locale = ''C.UTF-8'''
    ]
    loop
        begin
            execute format('create collation app.letters (%s)', rules);
            return;
        exception
            when feature_not_supported or invalid_object_definition or invalid_parameter_value then null;
        end;
    end loop;

    -- The C library has no locale but those that somebody installed: the database has one of them.
    execute format('create collation app.letters (provider = libc, lc_collate = ''C'', lc_ctype = %L)',
                   (select datctype from pg_database where datname = current_database()));
end
$$;

comment on collation app.letters is
    'Searches compare texts in upper case by these rules, so that case does not matter in any language.';

reset role;
