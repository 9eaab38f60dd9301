-- Takes away everything that the other files of this folder grant, and whatever else was ever granted:
-- what is not written in this folder is not in force. Runs in one transaction with them, so that nobody
-- sees a moment without policies:
--
--   cat policies/*.sql | psql -1 -v ON_ERROR_STOP=1 DATABASE
--
--   policies             every one on a table of schema app
--   privileges           on schemas app and rowkeep, on their tables, columns, sequences and functions, from
--                        every grantee but the owner
--   default privileges   whatever would be granted on objects that are yet to come

set local search_path = '';

do $$
begin
    -- A login that must say so before it may act as the owner (NOINHERIT) says so here.
    if not pg_has_role('rowkeep_owner', 'USAGE') then
        set local role rowkeep_owner;
    end if;
end
$$;

do $$
declare
    command text;
begin
    for command in
        select format('drop policy %I on %I.%I', p.polname, n.nspname, c.relname)
          from pg_policy p
          join pg_class c on c.oid = p.polrelid
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'app'
         order by 1
    loop
        execute command;
    end loop;

    for command in
        with granted (on_what, owner, grantee) as (
            select format('schema %I', n.nspname), n.nspowner, a.grantee
              from pg_namespace n, aclexplode(n.nspacl) a
             where n.nspname in ('app', 'rowkeep')
            union
            -- Taking a privilege from the table takes it from the columns, too.
            select format('%s %I.%I', case c.relkind when 'S' then 'sequence' else 'table' end,
                          n.nspname, c.relname), c.relowner, a.grantee
              from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
             cross join lateral (
                   select grantee from aclexplode(c.relacl)
                   union
                   select x.grantee
                     from pg_attribute t, aclexplode(t.attacl) x
                    where t.attrelid = c.oid
                   ) a
             where n.nspname in ('app', 'rowkeep')
               and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
            union
            select format('routine %I.%I(%s)', n.nspname, f.proname,
                          pg_get_function_identity_arguments(f.oid)), f.proowner, a.grantee
              from pg_proc f
              join pg_namespace n on n.oid = f.pronamespace
             -- No list means the built-in one, which lets everybody execute.
             cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
             where n.nspname in ('app', 'rowkeep')
        )
        select format('revoke all on %s from %s cascade', on_what,
                      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
          from granted
         where grantee <> owner
         order by 1
    loop
        execute command;
    end loop;

    for command in
        select format('alter default privileges for role %I %s revoke all on %s from %s',
                      pg_get_userbyid(d.defaclrole),
                      case when d.defaclnamespace = 0 then ''
                           else format('in schema %I', n.nspname) end,
                      case d.defaclobjtype when 'r' then 'tables'    when 'S' then 'sequences'
                                           when 'f' then 'functions' when 'T' then 'types'
                                           else 'schemas' end,
                      case a.grantee when 0 then 'public'
                                     else quote_ident(pg_get_userbyid(a.grantee)) end)
          from pg_default_acl d
          left join pg_namespace n on n.oid = d.defaclnamespace
         cross join aclexplode(d.defaclacl) a
         where (n.nspname in ('app', 'rowkeep')
                or d.defaclnamespace = 0 and d.defaclrole = 'rowkeep_owner'::regrole)
           and a.grantee <> d.defaclrole
           -- Everybody may use a type by default, and a type keeps no secret.
           and d.defaclobjtype <> 'T'
         order by 1
    loop
        execute command;
    end loop;
end
$$;
