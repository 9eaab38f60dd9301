-- Drops every policy and revokes every privilege, so that only what this folder says is in force. It runs in one
-- transaction with the other files, so that no session sees a moment without policies:
--
--   cat policies/*.sql | psql -1 -v ON_ERROR_STOP=1 DATABASE
--
--   policies             every policy on a table of schema app
--   privileges           on the schemas app and rowkeep and on their tables, columns, sequences and functions: those of
--                        every role but the owner
--   default privileges   every grant on future objects of these schemas

set local search_path = '';

do $$
begin
    -- A login with NOINHERIT must take on the role before it may act as the owner.
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
            -- Revoking a privilege on a table also revokes it on the columns.
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
             -- Without a list of privileges PUBLIC may execute the function.
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
           -- PUBLIC may use every type by default, and a type holds no data.
           and d.defaclobjtype <> 'T'
         order by 1
    loop
        execute command;
    end loop;
end
$$;
