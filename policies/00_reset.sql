-- Drops every policy and revokes every privilege, so that only what this folder says is in force. It runs in one
-- transaction with the other files, so that no session sees a moment without policies:
--
--   cat policies/*.sql | psql -1 -v ON_ERROR_STOP=1 DATABASE
--
--   policies             every policy on a table of schema app, and on rowkeep.accepted
--   privileges           on the schemas app and rowkeep and on their tables, columns, sequences and functions: those of
--                        every role but the owner, and but those that rowkeep.accepted has by name
--   default privileges   every grant on future objects of these schemas, but those that rowkeep.accepted has
--
-- An object of another owner in app, such as a table of another program, keeps its policies and the privileges of that
-- program's roles, which keep USAGE of app, too. They lose CREATE. PUBLIC, the roles of Rowkeep and the logins of requests
-- lose theirs, if this login may revoke them.
-- Objects of extensions stay as they are.
-- The privileges on tables of the role that pgaudit.role names stay: they tell pgaudit which statements to log, and a log that
-- stops without a word is worse than a privilege. `rowkeep audit` names them.

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
    command    text;
    accepted   text[];
    neighbours text[];
    -- Another role that can write rowkeep.accepted could keep its own privileges: nothing in it counts then.
    counts     boolean := exists (
        select
          from pg_class c
         where c.oid = to_regclass('rowkeep.accepted')
           and c.relkind = 'r'
           and c.relowner = 'rowkeep_owner'::regrole
           and not exists (select
                             from (select grantee, privilege_type from aclexplode(c.relacl)
                                    union all
                                   select x.grantee, x.privilege_type
                                     from pg_attribute t, aclexplode(t.attacl) x
                                    where t.attrelid = c.oid) a
                            where a.grantee <> c.relowner and a.privilege_type <> 'SELECT'));
begin
    if not counts then
        raise warning 'another role than rowkeep_owner can write rowkeep.accepted: no privilege is kept; review its rows';
    end if;

    -- A DBA has accepted the finding of the audit about each of these, such as the one that pgaudit needs. They are granted
    -- again at the end. A subject is compared as the audit prints it (sql/audit/frame/judge.sql).
    with granted (id, finding, command, owner, grantee, is_grantable, of_finding) as (
        select 'RK-212', format('%I: %s', n.nspname, lower(a.privilege_type)),
               format('grant %s on schema %I', a.privilege_type, n.nspname), n.nspowner, a.grantee, a.is_grantable, ''
          from pg_namespace n, aclexplode(n.nspacl) a
         where n.nspname in ('app', 'rowkeep')
        union all
        select 'RK-503', format('%s on %I.%I', lower(a.privilege_type), n.nspname, c.relname),
               format('grant %s on %s %I.%I', a.privilege_type, case c.relkind when 'S' then 'sequence' else 'table' end,
                      n.nspname, c.relname), c.relowner, a.grantee, a.is_grantable, ''
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         cross join aclexplode(c.relacl) a
         where n.nspname in ('app', 'rowkeep')
           and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        select 'RK-503', format('%s on %I.%I.%I', lower(a.privilege_type), n.nspname, c.relname, t.attname),
               format('grant %s (%I) on table %I.%I', a.privilege_type, t.attname, n.nspname, c.relname), c.relowner,
               a.grantee, a.is_grantable, ''
          from pg_attribute t
          join pg_class c on c.oid = t.attrelid
          join pg_namespace n on n.oid = c.relnamespace
         cross join aclexplode(t.attacl) a
         where n.nspname in ('app', 'rowkeep')
           and not t.attisdropped
        union all
        select 'RK-503', format('%s on %s', lower(a.privilege_type), f.oid::regprocedure),
               format('grant %s on routine %s', a.privilege_type, f.oid::regprocedure), f.proowner, a.grantee, a.is_grantable, ''
          from pg_proc f
          join pg_namespace n on n.oid = f.pronamespace
         cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
         where n.nspname in ('app', 'rowkeep')
        union all
        select 'RK-504', format('future objects of %I%s are granted', pg_get_userbyid(d.defaclrole), ' in schema ' || n.nspname),
               format('alter default privileges for role %I%s grant %s on %s', pg_get_userbyid(d.defaclrole),
                      ' in schema ' || n.nspname, string_agg(a.privilege_type, ', '),
                      case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                                           else 'schemas' end),
               d.defaclrole, a.grantee, false, ': ' || string_agg(lower(a.privilege_type), ', ' order by lower(a.privilege_type))
          from pg_default_acl d
          left join pg_namespace n on n.oid = d.defaclnamespace
         cross join aclexplode(d.defaclacl) a
         where not a.is_grantable
           and (n.nspname in ('app', 'rowkeep') or d.defaclnamespace = 0)
         group by d.oid, d.defaclrole, d.defaclobjtype, n.nspname, a.grantee
    )
    select array_agg(format('%s to %s%s', g.command, r.name, case when g.is_grantable then ' with grant option' else '' end))
      into accepted
      from granted g
     cross join lateral (
           select case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end) r (name)
     cross join lateral (
           select string_agg(case when ascii(c) between 32 and 126 and c <> E'\\' then c
                                  when ascii(c) < 65536 then E'\\' || lpad(to_hex(ascii(c)), 4, '0')
                                  else E'\\+' || lpad(to_hex(ascii(c)), 6, '0') end, '' order by number)
             from string_to_table(format('%s to %s%s%s', g.finding, r.name, g.of_finding,
                                         case when g.is_grantable then ', with grant option' else '' end), null)
                  with ordinality s (c, number)) p (subject)
      -- Not the rows of a child table, which another role could write.
      join only rowkeep.accepted a on (a.id, a.subject) = (g.id, p.subject)
     where counts
       and g.grantee <> g.owner
       -- Who writes that table decides what is accepted: only its owner.
       and g.command not like '% on table rowkeep.accepted'
       and coalesce(a.until >= (now() at time zone 'UTC')::date, true);

    -- Roles of another program must find its objects in app. Who owns such an object, or has a privilege on it, keeps USAGE,
    -- also through a group. Logins of requests have it through rowkeep_api.
    select array_agg(format('grant usage on schema app to %I', r.rolname))
      into neighbours
      from pg_namespace n
     cross join aclexplode(n.nspacl) a
      join pg_roles r on r.oid = a.grantee
     where n.nspname = 'app'
       and a.privilege_type = 'USAGE'
       and a.grantee <> n.nspowner
       and exists (select
                     from (select c.relowner, c.relacl
                             from pg_class c
                            where c.relnamespace = n.oid
                              and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                              and c.relname not in ('tasks', 'tasks_id_seq')
                            union all
                           select c.relowner, t.attacl
                             from pg_class c
                             join pg_attribute t on t.attrelid = c.oid and t.attacl is not null
                            where c.relnamespace = n.oid
                              and c.relname <> 'tasks'
                            union all
                           select f.proowner, f.proacl
                             from pg_proc f
                            where f.pronamespace = n.oid) o (owner, acl)
                    cross join lateral (
                          select o.owner union select x.grantee from aclexplode(o.acl) x) h (role)
                     join pg_roles m on m.oid = h.role and not m.rolsuper
                    where o.owner <> 'rowkeep_owner'::regrole
                      and pg_has_role(m.oid, r.oid, 'USAGE'))
       and not exists (select
                         from pg_roles s
                        where pg_has_role(s.oid, r.oid, 'USAGE')
                          and pg_has_role(s.oid, 'rowkeep_api', 'MEMBER')
                          and not pg_has_role(s.oid, 'rowkeep_owner', 'MEMBER'));

    for command in
        -- A shard of a distributed database can have lost it.
        select format('drop policy if exists %I on %I.%I', p.polname, n.nspname, c.relname)
          from pg_policy p
          join pg_class c on c.oid = p.polrelid
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'app' and (c.relowner = 'rowkeep_owner'::regrole or c.relname = 'tasks')
            or n.nspname = 'rowkeep' and c.relname = 'accepted'
         order by 1
    loop
        execute command;
    end loop;

    for command in
        with granted (on_what, owner, grantee, is_foreign) as (
            select format('schema %I', n.nspname), n.nspowner, a.grantee, false
              from pg_namespace n, aclexplode(n.nspacl) a
             where n.nspname in ('app', 'rowkeep')
            union
            -- Revoking a privilege on a table also revokes it on the columns.
            select format('%s %I.%I', case c.relkind when 'S' then 'sequence' else 'table' end,
                          n.nspname, c.relname), c.relowner, a.grantee,
                   n.nspname = 'app' and c.relowner <> 'rowkeep_owner'::regrole and c.relname not in ('tasks', 'tasks_id_seq')
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
               and not exists (select from pg_depend d
                                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
            union
            select format('routine %I.%I(%s)', n.nspname, f.proname,
                          pg_get_function_identity_arguments(f.oid)), f.proowner, a.grantee,
                   n.nspname = 'app' and f.proowner <> 'rowkeep_owner'::regrole
              from pg_proc f
              join pg_namespace n on n.oid = f.pronamespace
             -- Without a list of privileges PUBLIC may execute the function.
             cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
             where n.nspname in ('app', 'rowkeep')
               and not exists (select from pg_depend d
                                where d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e')
        )
        select format('revoke all on %s from %s cascade', on_what,
                      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
          from granted
         where grantee <> owner
           and (not is_foreign
                or (grantee = 0 or pg_has_role(grantee, 'rowkeep_api', 'MEMBER')
                    or pg_has_role(grantee, 'rowkeep_auditor', 'MEMBER'))
               and pg_has_role(owner, 'USAGE'))
           and not (on_what ~ '^table '
                    and grantee in (select r.oid
                                      from pg_roles r
                                     where r.rolname !~ '^rowkeep_(owner|api|auditor)$'
                                       and r.rolname in (select current_setting('pgaudit.role', true)
                                                          union
                                                         select substr(c.setting, strpos(c.setting, '=') + 1)
                                                           from pg_db_role_setting s, unnest(s.setconfig) c (setting)
                                                          where c.setting ~* '^pgaudit[.]role=')))
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

    foreach command in array coalesce(accepted, '{}') || coalesce(neighbours, '{}') loop
        execute command;
    end loop;
end
$$;
