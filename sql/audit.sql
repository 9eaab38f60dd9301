-- Who can see and change what in this database, and which ways lead around row security.
--
--   psql -f sql/audit.sql DATABASE
--
-- Reads catalogues only, as whatever role may read them: no row of any table of app. One line a fact:
--
--   OK      as it should be
--   NOTE    true, worth knowing, and breaks nothing by itself
--   FAIL    isolation does not hold, or would not hold any more after one more mistake; below it, what mends it
--
-- `rowkeep audit` prints the same lines, then what differs from the release (drift) and what happened when somebody
-- tried (proof). The order is fixed and no line tells the time: two runs can be compared with diff.

begin transaction isolation level repeatable read, read only;
set local search_path = '';
set local quote_all_identifiers = off;
set local jit = off;  -- compiling this takes seconds, running it a few milliseconds
set local statement_timeout = '30s';
set local lock_timeout = '2s';

with recursive

-- What the policies and the identity must be, as PostgreSQL prints them when no schema is on the search path; of identify,
-- whose body is text, every character.
wanted (predicate, identity, identify) as (values (
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

-- What runs as the owner for those who have no business in schema rowkeep: every character of it.
definers (name, body) as (values
    ('app.cursor_key()', $$
    select key from rowkeep.cursor_keys order by id desc limit 1
$$),
    ('app.schema_version()', $$
    select (select max(version) from rowkeep.migrations),
           (select digest from rowkeep.policies order by id desc limit 1)
$$)),

-- The first minor release without a known hole in row security (CVE-2026-14666, CVE-2026-120154), by major release.
safe (major, minor) as (values (15, 20), (16, 16), (17, 12), (18, 7)),

schemas as (
    select oid, nspname, nspowner, nspacl from pg_namespace where nspname in ('app', 'rowkeep')
),

-- Schemas that are neither the product's nor PostgreSQL's own.
elsewhere as (
    select oid, nspname
      from pg_namespace
     where nspname not in ('app', 'rowkeep', 'information_schema')
       and nspname !~ '^pg_'
),

relations as (
    select c.oid, s.nspname, c.relname, format('%I.%I', s.nspname, c.relname) as name, c.relkind, c.relowner, c.relacl,
           c.relrowsecurity, c.relforcerowsecurity
      from pg_class c
      join schemas s on s.oid = c.relnamespace
),

-- Whatever holds rows of users.
tables as (
    select * from relations where nspname = 'app' and relkind in ('r', 'p', 'f')
),

-- What an extension made is the extension's.
extended as (
    select d.classid, d.objid, e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid where d.deptype = 'e'
),

roles as (
    select r.oid, r.rolname, quote_ident(r.rolname) as name, r.rolsuper, r.rolbypassrls, r.rolreplication,
           r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolinherit,
           r.rolname in ('rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor') as ours
      from pg_roles r
),

-- Before 16 a membership had no options: it let everybody SET ROLE, and whoever is INHERIT inherited.
memberships as (
    select m.roleid, m.member, m.grantor, m.admin_option,
           coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)                as may_set,
           coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit)    as inherits
      from pg_auth_members m
      join roles r on r.oid = m.member
),

-- role can SET ROLE to other, or let itself do so
becomes (role, other) as (
    select oid, oid from roles
    union
    select b.role, m.roleid from becomes b join memberships m on m.member = b.other and (m.may_set or m.admin_option)
),

-- role has, or can take on, the privileges of other
uses (role, other) as (
    select role, other from becomes
    union
    select u.role, m.roleid from uses u join memberships m on m.member = u.other and m.inherits
),

-- Whoever can go round the policies, and how.
powers (role, way) as (
    select b.role, 'superuser'
      from becomes b join roles o on o.oid = b.other
     where o.rolsuper
    union
    select b.role, 'has BYPASSRLS'
      from becomes b join roles o on o.oid = b.other
     where o.rolbypassrls and not o.rolsuper
    union
    select b.role, 'may replicate, which policies do not filter'
      from becomes b join roles o on o.oid = b.other
     where o.rolreplication and not o.rolsuper
    union
    select u.role, format('can become %s, the owner of %s', o.name, t.name)
      from uses u
      join tables t on t.relowner = u.other
      join roles o on o.oid = u.other
     where u.role <> u.other
    union
    select u.role, format('member of %s: reaches the files of the server', o.name)
      from uses u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
       and u.role <> u.other
    union
    select u.role, format('member of %s: %s', o.name,
                          case o.rolname when 'pg_read_all_data'
                               then 'policies bind it, but it reads pg_statistic, which holds values of all rows'
                               else 'policies bind it, but it may move sequences' end)
      from uses u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_all_data', 'pg_write_all_data')
       and u.role <> u.other
    union
    select b.role, format('may grant %s to anybody', o.name)
      from becomes b
      join memberships m on m.member = b.other and m.admin_option
      join roles o on o.oid = m.roleid and o.ours
    union
    select b.role, 'has CREATEROLE, and may grant itself any role but a superuser'
      from becomes b join roles o on o.oid = b.other
     where o.rolcreaterole and current_setting('server_version_num')::integer < 160000
    union
    select u.role, format('owns database %I, and may store settings for all who use it', d.datname)
      from uses u join pg_database d on d.datname = current_database() and d.datdba = u.other
),

-- Settings that a session here can start with.
stored as (
    select s.setrole, s.setdatabase, lower(split_part(c.setting, '=', 1)) as name,
           -- Whose name is not in lower case is only found by that name.
           case when split_part(c.setting, '=', 1) ~ '[A-Z]' then format('"%s"', split_part(c.setting, '=', 1))
                else split_part(c.setting, '=', 1) end as said,
           substr(c.setting, strpos(c.setting, '=') + 1) as value,
           case when s.setrole = 0 and s.setdatabase = 0 then 'every role'
                when s.setrole = 0 then format('database %I', d.datname)
                when s.setdatabase = 0 then format('role %I', r.rolname)
                else format('role %I in database %I', r.rolname, d.datname) end as holder,
           case when s.setrole = 0 and s.setdatabase = 0 then 'role all'
                when s.setrole = 0 then format('database %I', d.datname)
                when s.setdatabase = 0 then format('role %I', r.rolname)
                else format('role %I in database %I', r.rolname, d.datname) end as altered
      from pg_db_role_setting s
     cross join unnest(s.setconfig) c (setting)
      left join pg_roles r on r.oid = s.setrole
      left join pg_database d on d.oid = s.setdatabase
     where s.setdatabase = 0 or d.datname = current_database()
),

-- Logins that requests can come with. Superusers can do everything anyway, and are listed as such.
logins as (
    select r.*
      from roles r
     where r.rolcanlogin
       and not r.rolsuper
       and exists (select from memberships m where m.member = r.oid)
       and exists (select
                     from uses u join roles o on o.oid = u.other
                    where u.role = r.oid and o.rolname = 'rowkeep_api'
                    union all
                   select
                     from stored s
                    where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api')
),

-- Logins of requests that policies do not bind: those above, and superusers that were told to serve.
exposed (oid, name, own, way) as (
    select r.oid, r.name, r.rolsuper or r.rolbypassrls or r.rolreplication, p.way
      from powers p
      join roles r on r.oid = p.role and r.rolcanlogin
     where (p.way in ('superuser', 'has BYPASSRLS') or p.way ~ '^may replicate' or p.way ~ 'files of the server$')
       and (r.oid in (select oid from logins)
            or r.rolsuper
               and (exists (select from memberships m join roles o on o.oid = m.roleid and o.rolname = 'rowkeep_api'
                             where m.member = r.oid)
                    or exists (select from stored s
                                where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api')))
),

-- Whose privileges requests, auditors and the logins of requests have, by whatever way.
serving (oid) as (
    select distinct u.other
      from uses u
      join roles r on r.oid = u.role
     where r.rolname in ('rowkeep_api', 'rowkeep_auditor')
        or r.oid in (select oid from logins)
),

-- Every privilege of whoever is not the owner. No list on a function means that everybody may execute it.
privileges as (
    select 'schema' as kind, s.nspname, null::oid as object, null::name as part, s.nspname::text as name,
           format('schema %I', s.nspname) as target, s.nspowner as owner, a.*
      from schemas s
     cross join aclexplode(s.nspacl) a
    union all
    select case r.relkind when 'S' then 'sequence' else 'table' end, r.nspname, r.oid, null, r.name,
           case r.relkind when 'S' then 'sequence ' else '' end || r.name, r.relowner, a.*
      from relations r
     cross join aclexplode(r.relacl) a
     where r.relkind not in ('i', 'I', 'c')
    union all
    select 'column', r.nspname, r.oid, t.attname, format('%s.%I', r.name, t.attname), r.name, r.relowner, a.*
      from relations r
      join pg_attribute t on t.attrelid = r.oid and not t.attisdropped
     cross join aclexplode(t.attacl) a
    union all
    select 'function', s.nspname, f.oid, f.proname, f.oid::regprocedure::text, 'routine ' || f.oid::regprocedure,
           f.proowner, a.*
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
),

granted as (
    select p.kind, p.nspname, p.name, p.part, p.target, lower(p.privilege_type) as privilege, p.is_grantable, p.grantee,
           coalesce(r.name, 'public') as receiver,
           -- PUBLIC is no role, and nothing is wanted for it.
           r.oid is not null
           and not p.is_grantable
           and case p.kind
               when 'schema' then p.privilege_type = 'USAGE'
                              and (r.rolname = 'rowkeep_auditor' or r.rolname = 'rowkeep_api' and p.nspname = 'app')
               when 'table' then p.nspname = 'app' and r.rolname = 'rowkeep_api'
                             and p.privilege_type in ('SELECT', 'DELETE')
                             and exists (select from tables t where t.oid = p.object)
                              -- The history, and not the keys.
                              or p.name in ('rowkeep.migrations', 'rowkeep.policies') and r.rolname = 'rowkeep_auditor'
                             and p.privilege_type = 'SELECT'
               -- Neither the key nor the time stamps: whoever writes them can find out, or change, whose a row is.
               when 'column' then p.nspname = 'app' and r.rolname = 'rowkeep_api'
                              and p.privilege_type in ('INSERT', 'UPDATE')
                              and p.part not in ('user_id', 'created_at', 'updated_at')
                              and exists (select from tables t where t.oid = p.object)
                              and not exists (select
                                                from pg_index i
                                                join pg_attribute t on t.attrelid = i.indrelid and t.attnum = any (i.indkey)
                                               where i.indrelid = p.object and i.indisprimary and t.attname = p.part)
               when 'function' then p.nspname = 'app'
                                and (r.rolname = 'rowkeep_api'
                                     and exists (select from pg_proc f
                                                  where f.oid = p.object and f.prorettype <> 'trigger'::regtype)
                                     or r.rolname = 'rowkeep_auditor' and p.part = 'schema_version')
               else false end as wanted
      from privileges p
      left join roles r on r.oid = p.grantee
     where p.grantee <> p.owner
),

-- What will be granted on objects that are yet to come: ours are those that can come to lie in app or rowkeep.
defaults as (
    select d.oid, o.name, n.nspname, coalesce(r.name, 'public') as receiver, lower(a.privilege_type) as privilege,
           n.nspname in ('app', 'rowkeep') or n.oid is null and o.rolname = 'rowkeep_owner' as ours,
           case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                                when 'L' then 'large objects' else 'schemas' end as what
      from pg_default_acl d
      join roles o on o.oid = d.defaclrole
     cross join aclexplode(d.defaclacl) a
      left join pg_namespace n on n.oid = d.defaclnamespace
      left join roles r on r.oid = a.grantee
     where a.grantee <> d.defaclrole
       -- Everybody may use a type by default, and a type keeps no secret.
       and d.defaclobjtype <> 'T'
       and (n.nspname in ('app', 'rowkeep') or n.oid is null)
),

policies as (
    select t.name as relation, p.polname, quote_ident(p.polname) as name, p.polpermissive,
           case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                         else 'all' end as command,
           (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname)
              from unnest(p.polroles) o (oid) left join pg_roles r on r.oid = o.oid) as receivers,
           pg_get_expr(p.polqual, p.polrelid) as using_text, pg_get_expr(p.polwithcheck, p.polrelid) as check_text,
           -- Whom it lets see, and whom it lets write. A command without CHECK checks what USING says.
           p.polcmd = 'a' or pg_get_expr(p.polqual, p.polrelid) is not distinct from w.predicate as sees_own,
           p.polcmd in ('r', 'd')
           or coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid), '') = w.predicate
              as writes_own
      from pg_policy p
      join tables t on t.oid = p.polrelid
     cross join wanted w
),

-- Views on the tables, and views on those views.
views (oid) as (
    select r.ev_class
      from tables t
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> t.oid
    union
    select r.ev_class
      from views v
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.oid
),

-- Whoever inherits from a table, in however many steps: read by its own name, it has policies of its own or none.
heirs (oid, of) as (
    select i.inhrelid, t.oid from pg_inherits i join tables t on t.oid = i.inhparent
    union
    select i.inhrelid, h.of from pg_inherits i join heirs h on h.oid = i.inhparent
),

-- What a table inherits from: whoever reads that, reads the table as well, by the policies of what they read.
ancestors (oid, of) as (
    select i.inhparent, t.oid from pg_inherits i join tables t on t.oid = i.inhrelid
    union
    select i.inhparent, a.of from pg_inherits i join ancestors a on a.oid = i.inhrelid
),

-- The facts: part (their order), verdict, subject, fact, and what mends it.

about_server (part, verdict, subject, fact, fix) as (
    select 10, case when v.number < 150000 then 'FAIL'
                    when s.major is null or v.number % 10000 < s.minor then 'NOTE' else 'OK' end,
           'server',
           format('PostgreSQL %s.%s: ', v.number / 10000, v.number % 10000)
           || case when v.number < 150000 then 'older than 15: not supported'
                   when s.major is null then 'newer than this audit, which knows 15 to 18'
                   when v.number % 10000 < s.minor
                        then format('row security has known holes (CVE-2026-14666, CVE-2026-120154) below %s.%s',
                                    s.major, s.minor)
                   else 'no known hole in row security' end,
           case when v.number % 10000 < s.minor then format('update PostgreSQL to %s.%s', s.major, s.minor)
                when v.number < 150000 then 'update PostgreSQL' end
      from (select current_setting('server_version_num')::integer as number) v
      left join safe s on s.major = v.number / 10000
    union all
    select 10, 'OK', 'database', format('%I, owned by %s', d.datname, r.name), null
      from pg_database d join roles r on r.oid = d.datdba
     where d.datname = current_database()
    union all
    select 10, case when a.grantee = 0 or r.ours then 'FAIL' else 'NOTE' end, 'database',
           format('%s may create schemas in %I', coalesce(r.name, 'public'), d.datname),
           format('revoke create on database %I from %s;', d.datname, coalesce(r.name, 'public'))
      from pg_database d
     cross join aclexplode(d.datacl) a
      left join roles r on r.oid = a.grantee
     where d.datname = current_database()
       and a.privilege_type = 'CREATE'
       and (a.grantee = 0 or a.grantee in (select oid from serving))
       and a.grantee <> d.datdba
    union all
    select 10, 'NOTE', 'database',
           format('everybody may make temporary tables in %I: they shadow no table that a request names', d.datname),
           format('revoke temporary on database %I from public;', d.datname)
      from pg_database d
     cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
     where d.datname = current_database()
       and a.privilege_type = 'TEMPORARY'
       and a.grantee = 0
    union all
    select 10, case when setting = '0' then 'OK' else 'NOTE' end, 'server',
           case when setting = '0' then 'no prepared transactions (max_prepared_transactions is 0)'
                else format('max_prepared_transactions is %s: every session of a role sees those of the others', setting)
           end, null
      from pg_settings
     where name = 'max_prepared_transactions'
    union all
    select 10, case when l.errors = '0' and (l.quiet or l.length = '0') then 'OK' else 'NOTE' end, 'server',
           case when l.errors = '0' and (l.quiet or l.length = '0') then 'the values that statements bind are not logged'
                else 'the server log can hold values that statements bind: tasks and user ids' end,
           case when l.errors = '0' and (l.quiet or l.length = '0') then null
                else 'alter system set log_parameter_max_length = 0; '
                     'alter system set log_parameter_max_length_on_error = 0;' end
      from (select current_setting('log_parameter_max_length')          as length,
                   current_setting('log_parameter_max_length_on_error') as errors,
                   current_setting('log_statement') = 'none'
                   and current_setting('log_min_duration_statement') = '-1'
                   and (current_setting('log_min_duration_sample') = '-1'
                        or current_setting('log_statement_sample_rate') = '0')
                   and current_setting('log_transaction_sample_rate') = '0' as quiet) l
),

about_roles (part, verdict, subject, fact, fix) as (
    select 20, case when r.oid is null then 'FAIL' when p.powers = '' then 'OK' else 'FAIL' end, 'role',
           n.name || case when r.oid is null then ' does not exist'
                          when p.powers = '' then ': no login, no power of its own'
                          else ': ' || p.powers end,
           case when r.oid is null then 'rowkeep migrate'
                when p.powers <> '' then format('alter role %s nologin nosuperuser nobypassrls nocreaterole nocreatedb '
                                                'noreplication;', n.name) end
      from (values ('rowkeep_owner'), ('rowkeep_api'), ('rowkeep_auditor')) n (name)
      left join roles r on r.rolname = n.name
     cross join lateral (
           select concat_ws(', ', case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                            case when r.rolcanlogin then 'LOGIN' end, case when r.rolcreaterole then 'CREATEROLE' end,
                            case when r.rolcreatedb then 'CREATEDB' end,
                            case when r.rolreplication then 'REPLICATION' end) as powers) p
    union all
    select 20, 'FAIL', 'role', format('%s is a member of %s', r.name, o.name),
           format('revoke %s from %s%s cascade;', o.name, r.name,
                  case when current_setting('server_version_num')::integer >= 160000
                       then format(' granted by %I', g.rolname) else '' end)
      from memberships m
      left join pg_roles g on g.oid = m.grantor
      join roles r on r.oid = m.member and r.ours
      join roles o on o.oid = m.roleid
),

about_schemas (part, verdict, subject, fact, fix) as (
    select 30, case when s.oid is null or r.rolname <> 'rowkeep_owner' then 'FAIL' else 'OK' end, 'schema',
           case when s.oid is null then format('%s does not exist', n.name)
                else format('%s, owned by %s: %s', n.name, r.name, n.says) end,
           case when s.oid is null then 'rowkeep migrate'
                when r.rolname <> 'rowkeep_owner' then format('alter schema %s owner to rowkeep_owner;', n.name) end
      from (values ('app', 'what requests see'), ('rowkeep', 'the history, and the key of cursors')) n (name, says)
      left join schemas s on s.nspname = n.name
      left join roles r on r.oid = s.nspowner
    union all
    select 30, case when g.wanted then 'OK' else 'FAIL' end, 'schema',
           format('%s: %s to %s', g.name, g.privilege, g.receiver)
           || case when g.is_grantable then ', with grant option' else '' end,
           case when not g.wanted then format('revoke %s on %s from %s cascade;', g.privilege, g.target, g.receiver) end
      from granted g
     where g.kind = 'schema'
    union all
    select 30, 'NOTE', 'schema',
           format('%s: %s may create in it; nothing that requests name is there', n.nspname,
                  coalesce(r.name, 'public')),
           format('revoke create on schema %I from %s;', n.nspname, coalesce(r.name, 'public'))
      from pg_namespace n
      join elsewhere e on e.oid = n.oid
     cross join aclexplode(n.nspacl) a
      left join roles r on r.oid = a.grantee
     where a.privilege_type = 'CREATE'
       and (a.grantee = 0 or a.grantee in (select oid from serving))
       and a.grantee <> n.nspowner
),

about_tables (part, verdict, subject, fact, fix) as (
    select 40, case when f.problems = '' then 'OK' else 'FAIL' end, 'table',
           t.name || ': row security ' || case when t.relrowsecurity then 'enabled' else 'NOT enabled: policies bind nobody' end
           || case when t.relforcerowsecurity then ', forced' else ', NOT forced: its owner reads everything' end
           || format('; owner %s', o.name)
           || case when t.relkind = 'f' then '; a FOREIGN table, which policies do not bind' else '' end,
           f.problems
      from tables t
      join roles o on o.oid = t.relowner
     cross join lateral (
           select concat_ws(' ',
                      case when not (t.relrowsecurity and t.relforcerowsecurity)
                           then format('alter table %s enable row level security, force row level security;', t.name) end,
                      case when o.rolname <> 'rowkeep_owner'
                           then format('alter table %s owner to rowkeep_owner;', t.name) end,
                      case when t.relkind = 'f' then format('drop foreign table %s;', t.name) end) as problems) f
    union all
    -- Whose a row is.
    select 41, case when u.sound then 'OK' else 'FAIL' end, 'table',
           case when u.description is null then t.name || ': has no column user_id: nothing says whose a row is'
                else t.name || ': ' || u.description || case when u.sound then '' else ': must be text, not null, default '
                                      'app.current_user_id(), compared byte by byte' end end,
           case when u.sound then null
                when u.description is null then format('alter table %s add column user_id text not null default '
                                                       'app.current_user_id();', t.name)
                when u.typed then format('alter table %s alter column user_id set not null, '
                                         'alter column user_id set default app.current_user_id();', t.name)
                else 'by hand, in a migration: policies and keys depend on the column' end
      from tables t
      left join lateral (
           select format('user_id %s%s%s', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' end,
                         ' default ' || pg_get_expr(d.adbin, d.adrelid))
                  || case when c.collisdeterministic then '' else format(' collate %I', c.collname) end as description,
                  a.atttypid = 'text'::regtype and c.collisdeterministic and a.attgenerated = '' as typed,
                  a.atttypid = 'text'::regtype and a.attnotnull and c.collisdeterministic and a.attgenerated = ''
                  and coalesce(pg_get_expr(d.adbin, d.adrelid), '') = 'app.current_user_id()' as sound
             from pg_attribute a
             left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
             left join pg_collation c on c.oid = a.attcollation
            where a.attrelid = t.oid and a.attname = 'user_id' and not a.attisdropped) u on true
    union all
    -- A key without the user tells one user of another's values, by what it refuses.
    select 42, case when i.indkey[0] = a.attnum and i.indisvalid then 'OK' else 'FAIL' end, 'table',
           format('%s: unique: %s', t.name, pg_get_indexdef(i.indexrelid))
           || case when i.indkey[0] = a.attnum then '' else ': does not begin with user_id' end
           || case when i.indisvalid then '' else ': is not valid' end,
           case when i.indkey[0] is distinct from a.attnum or not i.indisvalid
                then coalesce((select format('alter table %s drop constraint %I;', t.name, k.conname)
                                 from pg_constraint k
                                where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
                              format('drop index app.%I;', x.relname)) end
      from tables t
      join pg_index i on i.indrelid = t.oid and (i.indisunique or i.indisexclusion)
      join pg_class x on x.oid = i.indexrelid
      left join pg_attribute a on a.attrelid = t.oid and a.attname = 'user_id' and not a.attisdropped
    union all
    select 42, 'FAIL', 'table', t.name || ': has no primary key that begins with user_id',
           format('alter table %s add primary key (user_id, id);', t.name)
      from tables t
     where not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)
    union all
    select 43, case when k.users then 'OK' else 'FAIL' end, 'foreign key',
           format('%s on %s: %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid))
           || case when k.users then '' else ': tells of rows of others, and reaches them' end,
           case when not k.users then format('alter table %s drop constraint %I;', k.conrelid::regclass, k.conname) end
      from (select k.*,
                   exists (select from tables t where t.oid = k.conrelid)
                   and exists (select
                                 from generate_subscripts(k.conkey, 1) i
                                 join pg_attribute f on f.attrelid = k.conrelid  and f.attnum = k.conkey[i]
                                 join pg_attribute t on t.attrelid = k.confrelid and t.attnum = k.confkey[i]
                                where f.attname = 'user_id' and t.attname = 'user_id') as users
              from pg_constraint k
             where k.contype = 'f'
               and k.confrelid in (select oid from tables)) k
    union all
    select 44, 'FAIL', 'constraint',
           format('%s on %s holds for new rows only, or not at all', k.conname, t.name),
           case when (to_jsonb(k) ->> 'conenforced') = 'false' then 'by hand: drop it, and add it as migrations/ has it'
                else format('alter table %s validate constraint %I;', t.name, k.conname) end
      from pg_constraint k
      join tables t on t.oid = k.conrelid
     where not k.convalidated
        or (to_jsonb(k) ->> 'conenforced') = 'false'
    union all
    -- What the server tells clients in whose stead.
    select 44, 'FAIL', 'constraint', format('%s on %s has no comment, which is what clients are told', k.conname, t.name),
           format('comment on constraint %I on %s is ''...'';', k.conname, t.name)
      from pg_constraint k
      join tables t on t.oid = k.conrelid
     where k.contype = 'c'
       and obj_description(k.oid, 'pg_constraint') is null
),

about_policies (part, verdict, subject, fact, fix) as (
    select 50, case when p.receivers = case when p.polpermissive then 'rowkeep_api' else 'public' end
                     and p.sees_own and p.writes_own then 'OK' else 'FAIL' end,
           'policy',
           format('%s %s: %s %s to %s, ', p.relation, p.name,
                  case when p.polpermissive then 'permissive' else 'RESTRICTIVE' end, p.command, p.receivers)
           || case when p.using_text = p.check_text then 'using and check ' || p.using_text
                   else concat_ws(', ', 'using ' || p.using_text, 'check ' || p.check_text) end
           || case when p.polpermissive and p.receivers <> 'rowkeep_api' then ': is for others than rowkeep_api'
                   when not p.polpermissive and p.receivers <> 'public' then ': does not bind everybody'
                   when not p.sees_own then ': lets see other rows than one''s own, or cannot be told'
                   when not p.writes_own then ': lets write rows of others, or cannot be told'
                   else '' end,
           case when p.polpermissive and p.polname <> 'owner_only' then format('drop policy %s on %s;', p.name, p.relation)
                else 'rowkeep migrate --reapply-policies' end
      from policies p
    union all
    select 51, 'FAIL', 'policy', format('%s has no fence: a restrictive policy for all to public', t.name),
           'rowkeep migrate --reapply-policies'
      from tables t
     where not exists (select
                         from policies p
                        where p.relation = t.name and not p.polpermissive and p.command = 'all'
                          and p.receivers = 'public' and p.sees_own and p.writes_own)
    union all
    select 51, 'NOTE', 'policy', format('%s lets rowkeep_api %s no row at all: there is no permissive policy',
                                        t.name, string_agg(c.command, ', ' order by c.command)),
           'rowkeep migrate --reapply-policies'
      from tables t
     cross join (values ('select'), ('insert'), ('update'), ('delete')) c (command)
     where not exists (select
                         from policies p
                        where p.relation = t.name and p.polpermissive and p.command in ('all', c.command)
                          and p.receivers ~ E'\\mrowkeep_api\\M')
     group by t.name
),

about_identity (part, verdict, subject, fact, fix) as (
    select 60, 'FAIL', 'identity', n.name || ' does not exist', 'restore it from migrations/V4__cheaper_identity.sql'
      from (values ('current_user_id', 'app.current_user_id()'), ('identify', 'app.identify(text)')) n (proname, name)
     -- Not to_regprocedure(): it fails for whoever has no business in the schema.
     where not exists (select
                         from pg_proc f join schemas s on s.oid = f.pronamespace
                        where f.proname = n.proname and f.oid::regprocedure::text = n.name)
    union all
    select 60, case when x.problem is null then 'OK' else 'FAIL' end, 'identity',
           'app.current_user_id() ' || coalesce(x.problem, 'is STABLE, follows no search path, and is null for an empty setting'),
           x.fix
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
      join pg_language l on l.oid = f.prolang
     cross join wanted w
      left join lateral (values
           (f.provolatile = 'i', 'is IMMUTABLE: a cached plan shows one user''s rows to the next',
            'alter function app.current_user_id() stable;'),
           (f.provolatile = 'v', 'is VOLATILE: it is called for every row', 'alter function app.current_user_id() stable;'),
           (f.prosecdef, 'is SECURITY DEFINER', 'alter function app.current_user_id() security invoker;'),
           (l.lanname <> 'sql' or pg_get_function_sqlbody(f.oid) is distinct from w.identity,
            'does not say what it must: nullif(current_setting(''app.user_id'', true), '''')',
            'restore it from migrations/V4__cheaper_identity.sql')
           ) x (found, problem, fix) on x.found
     where s.nspname = 'app' and f.proname = 'current_user_id' and f.pronargs = 0
    union all
    select 60, case when x.problem is null then 'OK' else 'FAIL' end, 'identity',
           'app.identify(text) ' || coalesce(x.problem, 'sets user and role for one transaction, and refuses to be nobody''s'),
           x.fix
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
     cross join wanted w
      left join lateral (values
           (f.proisstrict, 'is STRICT: for null it does nothing, and the session stays what it was',
            'alter function app.identify(text) called on null input;'),
           (f.prosrc is distinct from w.identify,
            'does not say what it must: refuse nobody, then set app.user_id and the role for one transaction',
            'restore it from migrations/V4__cheaper_identity.sql')
           ) x (found, problem, fix) on x.found
     where f.proname = 'identify' and f.oid::regprocedure::text = 'app.identify(text)'
    union all
    -- What these functions call by name, and what a policy compares with: initdb wrote it, and nobody since.
    select 60, 'FAIL', 'identity', o.name || ' is not PostgreSQL''s own any more', 'restore it by hand'
      from (select 'pg_catalog.' || f.oid::regprocedure as name
              from pg_proc f
             where f.pronamespace = 'pg_catalog'::regnamespace
               and f.proname in ('current_setting', 'set_config', 'format', 'texteq', 'clock_timestamp')
               and (f.oid >= 16384 or f.xmin <> '1')
             union all
            select 'operator pg_catalog.' || x.oid::regoperator
              from pg_operator x
             where x.oprnamespace = 'pg_catalog'::regnamespace
               and (x.oid >= 16384 or x.xmin <> '1')
             union all
            select 'the cast from ' || c.castsource::regtype || ' to ' || c.casttarget::regtype
              from pg_cast c
             where c.oid < 16384 and c.xmin <> '1') o
    union all
    -- PostgreSQL's own functions and operators have no entry here: whatever has one is somebody's, whatever it prints as.
    select 60, 'FAIL', 'identity',
           format('%s calls %s, which is not PostgreSQL''s own', pg_describe_object(d.classid, d.objid, d.objsubid),
                  pg_describe_object(d.refclassid, d.refobjid, 0)),
           'make it anew with nothing on the search path, from migrations/ or policies/'
      from pg_depend d
      left join pg_proc f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid
     where d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass, 'pg_collation'::regclass)
       and d.refobjid >= 16384
       and (f.oid is null or f.pronamespace not in (select oid from schemas))
       and (d.classid = 'pg_proc'::regclass and d.objid in (select oid from pg_proc where pronamespace in (select oid from schemas))
            or d.classid = 'pg_policy'::regclass
               and d.objid in (select oid from pg_policy where polrelid in (select oid from tables))
            or d.classid = 'pg_constraint'::regclass
               and d.objid in (select oid from pg_constraint where conrelid in (select oid from tables))
            or d.classid = 'pg_attrdef'::regclass
               and d.objid in (select oid from pg_attrdef where adrelid in (select oid from tables))
            or d.classid = 'pg_class'::regclass and d.objid in (select oid from relations))
    union all
    select 60, 'FAIL', 'identity',
           format('%s is another app.%s: a call can mean it', f.oid::regprocedure, f.proname),
           format('drop routine %s;', f.oid::regprocedure)
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
     where s.nspname = 'app'
       and (f.proname = 'current_user_id' and f.pronargs > 0
            or f.proname = 'identify' and f.proargtypes <> array['text'::regtype::oid]::oidvector)
    union all
    select 61, 'FAIL', 'identity', format('%s holds app.user_id = %L: whoever starts there is that user', s.holder, s.value),
           format('alter %s reset %s;', s.altered, s.said)
      from stored s
     where s.name = 'app.user_id'
    union all
    select 61, 'OK', 'identity', 'no role and no database holds a default for app.user_id', null
     where not exists (select from stored where name = 'app.user_id')
    union all
    select 62, 'FAIL', 'identity', 'this session began as somebody: app.user_id is set by the server, or was set before',
           'look for app.user_id in postgresql.conf (alter system reset app.user_id;) and in PGOPTIONS'
     where current_setting('app.user_id', true) <> ''
    union all
    select 62, 'FAIL', 'settings', format('session_replication_role is %s: triggers do not run',
                                          current_setting('session_replication_role')),
           'alter system reset session_replication_role; select pg_reload_conf();'
     where current_setting('session_replication_role') <> 'origin'
    union all
    select 63, case when s.name = 'session_replication_role' or s.name = 'search_path' and s.value ~* '.,.*pg_catalog'
                    then 'FAIL' else 'NOTE' end, 'settings',
           format('%s holds %s = %s', s.holder, s.name, s.value)
           || case s.name when 'session_replication_role' then ': triggers do not run'
                          when 'search_path' then case when s.value ~* '.,.*pg_catalog'
                                                       then ': operators of others stand before PostgreSQL''s own'
                                                       else ': the server sets its own, which is empty' end
                          when 'row_security' then ': whoever is bound by policies gets an error'
                          else '' end,
           format('alter %s reset %s;', s.altered, s.said)
      from stored s
     where s.name = 'session_replication_role' and s.value <> 'origin'
        or s.name in ('row_security', 'search_path', 'session_preload_libraries', 'local_preload_libraries',
                      'default_transaction_read_only', 'check_function_bodies', 'session_authorization')
        or s.name ~ '^log_(statement|min_duration|parameter|transaction|duration)'
        or s.name = 'role' and s.value <> 'rowkeep_api'
),

about_functions (part, verdict, subject, fact, fix) as (
    select 70, case when x.problem is null then 'OK' else 'FAIL' end, 'function',
           f.oid::regprocedure
           || coalesce(' ' || x.problem,
                       case when f.prosecdef then ': runs as its owner, takes nothing, bound to no search path'
                            when n.settled and f.proconfig is null then ': runs as its caller, names everything in full'
                            else ': runs as its caller, bound to no search path' end),
           format(x.fix, f.oid::regprocedure)
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
      join roles o on o.oid = f.proowner
      join pg_language l on l.oid = f.prolang
     cross join wanted w
     -- The two that every request calls have no setting, which would cost each call more than what they do. To the last
     -- character they are then what is known to name everything in full, operators too.
     cross join lateral (
           select not f.prosecdef
                  and (f.oid::regprocedure::text = 'app.current_user_id()' and l.lanname = 'sql'
                       and coalesce(pg_get_function_sqlbody(f.oid) = w.identity, false)
                       or f.oid::regprocedure::text = 'app.identify(text)' and l.lanname = 'plpgsql'
                       and f.prosrc = w.identify) as settled) n
      left join lateral (values
           (f.prokind <> 'a'
            and not coalesce(f.proconfig @> array['search_path=""'], false)
            and not (n.settled and not exists (select from unnest(f.proconfig) c (setting) where c.setting ~ '^search_path=')),
            'is not bound to search_path = ''''',
            case when n.settled then 'alter routine %s reset search_path;' else 'alter routine %s set search_path = '''';' end),
           (exists (select from unnest(f.proconfig) c (setting) where c.setting !~ '^search_path='),
            'has settings of its own: ' || array_to_string(f.proconfig, ', '),
            'alter routine %s reset all;'
            || case when n.settled then '' else ' alter routine %1$s set search_path = '''';' end),
           (o.rolname <> 'rowkeep_owner', 'is owned by ' || o.name, 'alter routine %s owner to rowkeep_owner;'),
           (f.prosecdef and f.oid::regprocedure::text not in (select name from definers),
            'is SECURITY DEFINER: it runs as its owner', 'alter routine %s security invoker;'),
           (f.prosecdef and exists (select
                                      from definers d
                                     where d.name = f.oid::regprocedure::text and (l.lanname <> 'sql' or f.prosrc <> d.body)),
            'is SECURITY DEFINER, and does not say what it must', 'restore it from migrations/: %s'),
           (f.proleakproof, 'is LEAKPROOF: it may run before the policy', 'alter function %s not leakproof;'),
           (f.proname = 'identify' and l.lanname <> 'plpgsql',
            'is not plpgsql: what it does would be planned before the role is taken on',
            'restore it from migrations/V4__cheaper_identity.sql: %s')
           ) x (found, problem, fix) on x.found
     where s.nspname = 'app'
    union all
    select 71, case when f.oid < 16384 then 'NOTE' else 'FAIL' end, 'function',
           format('%s is LEAKPROOF: it may see rows before the policy does', f.oid::regprocedure),
           format('alter function %s not leakproof;', f.oid::regprocedure)
      from pg_proc f
     where f.proleakproof
       and f.pronamespace not in (select oid from schemas)
       -- What initdb wrote is PostgreSQL's own judgement.
       and (f.oid >= 16384 or f.xmin <> '1')
       and not exists (select from extended x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
    union all
    -- Code that runs as somebody who sees more than the caller. Other applications have such code, too: it is a way
    -- round the policies where it was given to those whom requests come with, or may name something of app.
    select 72, case when (o.rolsuper or exists (select from powers p where p.role = o.oid))
                     and (bool_or(a.grantee <> 0 and a.grantee in (select oid from serving))
                          or l.lanname not in ('sql', 'plpgsql')
                          or concat(f.prosrc, pg_get_function_sqlbody(f.oid), array_to_string(f.proconfig, ' '))
                             ~* (select E'U&|\\m(execute|app|' || string_agg(regexp_replace(t.relname, '[^A-Za-z0-9_]+', '.*', 'g'), '|')
                                        || E')\\M'
                                   from relations t)) then 'FAIL' else 'NOTE' end,
           'function',
           format('%s runs as %s (SECURITY DEFINER), and %s may execute it', f.oid::regprocedure, o.name,
                  string_agg(distinct coalesce(r.name, 'public'), ', ')),
           string_agg(distinct format('revoke execute on routine %s from %s;', f.oid::regprocedure,
                                      coalesce(r.name, 'public')), ' ')
      from pg_proc f
      join roles o on o.oid = f.proowner
      join pg_language l on l.oid = f.prolang
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
      left join roles r on r.oid = a.grantee
     where f.prosecdef
       and f.oid >= 16384
       and f.pronamespace not in (select oid from schemas)
       and a.grantee <> f.proowner
       and not exists (select
                         from extended x
                        where x.classid = 'pg_proc'::regclass and x.objid = f.oid
                          -- An extension that knows app is not like others, and plpgsql has no such function.
                          and x.extname <> 'plpgsql' and f.prosrc !~* E'\\mapp\\M')
     group by f.oid, o.oid, o.name, o.rolsuper, l.lanname
    union all
    select 73, 'NOTE', 'function',
           format('%s is in language %s, which no policy binds, and %s may execute it', f.oid::regprocedure, l.lanname,
                  string_agg(distinct coalesce(r.name, 'public'), ', ')),
           format('drop routine %s;', f.oid::regprocedure)
      from pg_proc f
      join pg_language l on l.oid = f.prolang and not l.lanpltrusted
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
      left join roles r on r.oid = a.grantee
     where (a.grantee = 0 or a.grantee in (select oid from serving))
       and f.oid >= 16384
       and f.pronamespace not in (select oid from schemas)
       and not exists (select from extended x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
     group by f.oid, l.lanname
),

about_grants (part, verdict, subject, fact, fix) as (
    select 80, 'OK', 'grants',
           format('rowkeep_api on %s: %s', g.relation, string_agg(g.text, '; ' order by g.rank, g.text)), null
      from (select name as relation, 1 as rank, string_agg(privilege, ', ' order by privilege) as text
              from granted where kind = 'table' and nspname = 'app' and wanted
             group by name
             union all
            select t.name, 2, g.privilege || ' of '
                              || string_agg(quote_ident(a.attname), ', ' order by a.attnum)
              from granted g
              join tables t on t.name = g.target
              join pg_attribute a on a.attrelid = t.oid and a.attname = g.part
             where g.kind = 'column' and g.wanted
             group by t.name, g.privilege) g
     group by g.relation
    union all
    select 81, 'OK', 'grants', format('%s: %s to %s', g.name, string_agg(g.privilege, ', ' order by g.privilege), g.receiver), null
      from granted g
     where g.wanted and (g.kind = 'function' or g.kind = 'table' and g.nspname = 'rowkeep')
     group by g.name, g.receiver
    union all
    select 82, 'FAIL', 'grants',
           format('%s on %s to %s', g.privilege, g.name, g.receiver)
           || case when g.is_grantable then ', with grant option' else '' end
           || case g.privilege when 'truncate' then ': empties the table, whatever the policies say'
                               when 'references' then ': tells whether a row exists, and can keep it from being deleted'
                               when 'trigger' then ': runs code of its own in the transactions of others'
                               else '' end,
           case when g.kind = 'column' then format('revoke %s (%I) on %s from %s cascade;', g.privilege, g.part, g.target, g.receiver)
                else format('revoke %s on %s from %s cascade;', g.privilege, g.target, g.receiver) end
      from granted g
     where not g.wanted
       and g.kind <> 'schema'
    union all
    select 83, 'OK', 'grants', 'nobody else but the owner has a privilege on anything in app or rowkeep', null
     where not exists (select from granted where not wanted)
       and exists (select from granted)
    union all
    select 84, case when d.ours then 'FAIL' else 'NOTE' end, 'grants',
           format('what %s makes%s is granted to %s at once: %s', d.name,
                  case when d.nspname is null then '' else format(' in schema %I', d.nspname) end,
                  d.receiver, string_agg(d.privilege, ', ' order by d.privilege)),
           format('alter default privileges for role %s %srevoke all on %s from %s;', d.name,
                  case when d.nspname is null then '' else format('in schema %I ', d.nspname) end, d.what, d.receiver)
      from defaults d
     group by d.oid, d.name, d.nspname, d.ours, d.what, d.receiver
    union all
    select 84, 'OK', 'grants', 'nothing is granted on what is yet to be made in app or rowkeep', null
     where not exists (select from defaults where ours)
    union all
    select 85, case when r.ours then 'FAIL' else 'NOTE' end, 'grants',
           format('%s on %I.%I to %s: no policy of app binds it', string_agg(distinct lower(a.privilege_type), ', '
                  order by lower(a.privilege_type)), e.nspname, c.relname, coalesce(r.name, 'public')),
           format('revoke all on %I.%I from %s;', e.nspname, c.relname, coalesce(r.name, 'public'))
      from pg_class c
      join elsewhere e on e.oid = c.relnamespace
     cross join lateral (
           select grantee, privilege_type from aclexplode(c.relacl)
           union all
           select x.grantee, x.privilege_type
             from pg_attribute t cross join aclexplode(t.attacl) x
            where t.attrelid = c.oid) a
      left join roles r on r.oid = a.grantee
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
       and (a.grantee = 0 or a.grantee in (select oid from serving))
       and a.grantee <> c.relowner
       and not exists (select
                         from extended x
                        where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.extname <> 'plpgsql')
     group by e.nspname, c.relname, r.ours, r.name
    union all
    -- pg_statistic holds values of everybody's rows, and there are functions that read files.
    select 86, 'FAIL', 'grants',
           format('%s%s on %s to %s: PostgreSQL itself grants it to nobody', lower(a.privilege_type), o.part, o.name,
                  coalesce(r.name, 'public')),
           format('revoke %s%s on %s from %s;', lower(a.privilege_type), o.part, o.name, coalesce(r.name, 'public'))
      from (select 'pg_class'::regclass as class, c.oid, 0 as number, 'r' as kind, '' as part,
                   format('%s.%I', c.relnamespace::regnamespace, c.relname) as name, c.relowner as owner, c.relacl as acl
              from pg_class c where c.relnamespace in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
             union all
            select 'pg_class'::regclass, c.oid, t.attnum, 'c', format(' (%I)', t.attname),
                   format('%s.%I', c.relnamespace::regnamespace, c.relname), c.relowner, t.attacl
              from pg_class c join pg_attribute t on t.attrelid = c.oid and t.attacl is not null
             where c.relnamespace in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
             union all
            select 'pg_proc'::regclass, f.oid, 0, 'f', '', format('routine pg_catalog.%s', f.oid::regprocedure), f.proowner,
                   f.proacl
              from pg_proc f where f.pronamespace = 'pg_catalog'::regnamespace and f.proacl is not null) o
     cross join aclexplode(o.acl) a
      left join roles r on r.oid = a.grantee
      left join pg_init_privs i on i.classoid = o.class and i.objoid = o.oid and i.objsubid = o.number
     where (a.grantee = 0 or a.grantee in (select oid from serving))
       and not exists (select
                         from aclexplode(coalesce(i.initprivs, acldefault(o.kind::"char", o.owner))) b
                        where b.grantee = a.grantee and b.privilege_type = a.privilege_type)
    union all
    select 87, 'FAIL', 'grants',
           format('%s on parameter %s to %s', lower(a.privilege_type), p.parname, coalesce(r.name, 'public')),
           format('revoke %s on parameter %s from %s;', lower(a.privilege_type), p.parname, coalesce(r.name, 'public'))
      from pg_parameter_acl p
     cross join aclexplode(p.paracl) a
      left join roles r on r.oid = a.grantee
     where a.grantee = 0 or a.grantee in (select oid from serving)
),

about_bypass (part, verdict, subject, fact, fix) as (
    -- One line a role. Requests never run as any of them but rowkeep_api.
    select 90, case when r.rolname in ('rowkeep_api', 'rowkeep_auditor') then 'FAIL' else 'NOTE' end, 'bypass',
           r.name || ': ' || string_agg(p.way, '; ' order by p.way)
           || case when not r.rolsuper and exists (select from logins l where l.oid = r.oid)
                   then '. Serves requests, too: sql/setup/login.sql makes a login with nothing of its own' else '' end,
           case when r.rolname in ('rowkeep_api', 'rowkeep_auditor') then 'take it away: see role above' end
      from powers p
      join roles r on r.oid = p.role
     -- The roles that PostgreSQL brings have no members unless it is said here.
     where (r.oid = 10 or r.oid >= 16384)
       and (not r.rolsuper or p.way = 'superuser')
     group by r.oid, r.rolname, r.name, r.rolsuper
    union all
    -- Requests are restricted in spite of it; whoever comes by its password is not.
    select 91, 'FAIL', 'login',
           format('%s serves, and no other login does that is bound by policies: %s', e.name,
                  string_agg(e.way, '; ' order by e.way)),
           case when e.own then format('alter role %s nosuperuser nobypassrls noreplication;', e.name)
                else 'sql/setup/login.sql makes a login with nothing of its own' end
      from exposed e
     where not exists (select from logins l where l.oid not in (select oid from exposed))
     group by e.name, e.own
    union all
    select 91, case when t.missing = '' and t.starts then 'OK' else 'NOTE' end, 'login',
           l.name || ' -> rowkeep_api'
           || case when t.starts then ', from its first statement' else ', once a request''s transaction begins' end
           || case when t.bounds = '' then '' else '; ' || t.bounds end
           || case when t.missing = '' then '' else '; without ' || t.missing end,
           nullif(concat_ws(' ',
                  case when not t.starts then format('alter role %s set role = ''rowkeep_api'';', l.name) end,
                  t.fix), '')
      from logins l
     cross join lateral (
           select coalesce(bool_or(s.value = 'rowkeep_api') filter (where n.name = 'role'), false) as starts,
                  coalesce(string_agg(n.name || ' ' || s.value, ', ' order by n.name)
                           filter (where n.name <> 'role' and s.value !~ '^0'), '') as bounds,
                  coalesce(string_agg(n.name, ', ' order by n.name)
                           filter (where n.name <> 'role' and coalesce(s.value, '0') ~ '^0'), '') as missing,
                  string_agg(format('alter role %s set %s = %L;', l.name, n.name, n.value), ' ' order by n.name)
                           filter (where n.name <> 'role' and coalesce(s.value, '0') ~ '^0') as fix
             from (values ('role', ''), ('statement_timeout', '5s'), ('lock_timeout', '2s'),
                          ('idle_in_transaction_session_timeout', '10s')) n (name, value)
             left join lateral (
                  select s.value
                    from stored s
                   where s.name = n.name and s.setrole in (l.oid, 0)
                   order by s.setrole <> 0 desc, s.setdatabase <> 0 desc
                   limit 1) s on true) t
    union all
    select 91, 'NOTE', 'login', 'none but superusers can serve: sql/setup/login.sql makes one with nothing of its own', null
     where not exists (select from logins)
    union all
    select 92, 'NOTE', 'login', format('%s is a member of %s', l.name, string_agg(o.name, ', ' order by o.rolname collate "C")),
           string_agg(format('revoke %s from %s;', o.name, l.name), ' ' order by o.rolname collate "C")
      from logins l
      join uses u on u.role = l.oid and u.other <> l.oid
      join roles o on o.oid = u.other and o.rolname ~ '^pg_'
     group by l.name
    union all
    select 92, 'NOTE', 'login', format('%s owns things here: %s', l.name,
                                       string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', '
                                                  order by pg_describe_object(d.classid, d.objid, d.objsubid) collate "C")),
           null
      from logins l
      join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = l.oid and d.deptype = 'o'
      join pg_database b on b.oid = d.dbid and b.datname = current_database()
     group by l.name
    union all
    select 92, 'FAIL', 'role', format('%s owns things here: %s', r.name,
                                      string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', '
                                                 order by pg_describe_object(d.classid, d.objid, d.objsubid) collate "C")),
           format('reassign owned by %s to rowkeep_owner;', r.name)
      from roles r
      join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'
      join pg_database b on b.oid = d.dbid and b.datname = current_database()
     where r.rolname in ('rowkeep_api', 'rowkeep_auditor')
     group by r.name
),

about_ways_around (part, verdict, subject, fact, fix) as (
    select 100, case when c.relkind <> 'v' or not i.invoker then 'FAIL' else 'NOTE' end, 'around',
           format('%s %s %s', case c.relkind when 'm' then 'materialized view' when 'v' then 'view' else 'table' end,
                  c.oid::regclass,
                  case when c.relkind = 'm' then 'keeps rows that no policy binds'
                       when c.relkind <> 'v' then 'has a rule that reaches app as the owner of the table'
                       when i.invoker then 'reads as whoever asks (security_invoker)'
                       else 'reads as its owner (no security_invoker)' end),
           case when c.relkind = 'm' then format('drop materialized view %s cascade;', c.oid::regclass)
                when c.relkind <> 'v'
                then (select string_agg(format('drop rule %I on %s;', w.rulename, c.oid::regclass), ' ' order by w.rulename)
                        from pg_rewrite w where w.ev_class = c.oid)
                when not i.invoker then format('alter view %s set (security_invoker = true);', c.oid::regclass) end
      from views v
      join pg_class c on c.oid = v.oid
     cross join lateral (
           select coalesce(bool_or(o.option_value::boolean), false) as invoker
             from pg_options_to_table(c.reloptions) o
            where o.option_name = 'security_invoker') i
    union all
    select 101, 'FAIL', 'around', format('rule %s on %s', w.rulename, t.name), format('drop rule %I on %s;', w.rulename, t.name)
      from pg_rewrite w
      join tables t on t.oid = w.ev_class
    union all
    select 102, 'FAIL', 'around', format('%s inherits from %s: read by its own name, no policy of it binds',
                                         h.oid::regclass, h.of::regclass),
           format('revoke all on %s from public, rowkeep_api; '
                  'alter table %s enable row level security, force row level security;', h.oid::regclass, h.oid::regclass)
      from heirs h
      join pg_class c on c.oid = h.oid
     where not (c.relrowsecurity and c.relforcerowsecurity)
        or exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)
    union all
    select 102, 'FAIL', 'around', format('%s inherits from %s, and is read through it', a.of::regclass, a.oid::regclass),
           (select case when c.relispartition
                        then format('alter table %s detach partition %s;', a.oid::regclass, a.of::regclass)
                        else format('alter table %s no inherit %s;', a.of::regclass, a.oid::regclass) end
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhrelid = a.of and i.inhparent = a.oid)
      from ancestors a
     where a.oid not in (select oid from tables)
    union all
    select 103, case when x.problem is null then 'OK' else 'FAIL' end, 'trigger',
           format('%s on %s: %s', g.tgname, t.name, coalesce(x.problem, f.oid::regprocedure::text)),
           format(x.fix, g.tgname, t.name)
      from pg_trigger g
      join tables t on t.oid = g.tgrelid
      join pg_proc f on f.oid = g.tgfoid
      left join lateral (values
           (g.tgenabled not in ('O', 'A'), 'is not enabled', 'alter table %2$s enable trigger %1$I;'),
           (not exists (select from schemas s where s.oid = f.pronamespace and s.nspname = 'app'),
            'is not ours: ' || f.oid::regprocedure, 'drop trigger %1$I on %2$s;')
           ) x (found, problem, fix) on x.found
     where not g.tgisinternal
    union all
    select 104, 'FAIL', 'trigger', format('%s: none keeps id, user_id and created_at as they are', t.name),
           'restore it from migrations/'
      from tables t
     where not exists (select
                         from pg_trigger g
                         join pg_proc f on f.oid = g.tgfoid
                         join schemas s on s.oid = f.pronamespace
                        where g.tgrelid = t.oid and s.nspname = 'app'
                          -- TRIGGER_TYPE_ROW, _BEFORE, _INSERT and _UPDATE (pg_trigger.h)
                          and g.tgtype & 23 = 23
                          -- for every row, whatever it says, and whatever column is changed
                          and g.tgqual is null and g.tgattr = '')
    union all
    select 105, 'FAIL', 'trigger', format('an internal trigger of %s is disabled: keys are not watched over', t.name),
           format('alter table %s enable trigger all;', t.name)
      from tables t
     where exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgisinternal and g.tgenabled <> 'O')
    union all
    select 106, case when e.evtenabled = 'D' then 'OK' else 'NOTE' end, 'around',
           format('event trigger %s runs %s', e.evtname, e.evtfoid::regprocedure), null
      from pg_event_trigger e
    union all
    select 107, 'NOTE', 'around',
           format('publication %s sends rows of app away, which policies do not filter', p.pubname),
           format('drop publication %I;', p.pubname)
      from pg_publication p
     where p.puballtables
        or exists (select from pg_publication_rel r join tables t on t.oid = r.prrelid where r.prpubid = p.oid)
        or exists (select from pg_publication_namespace n join schemas s on s.oid = n.pnnspid
                    where n.pnpubid = p.oid and s.nspname = 'app')
    union all
    select 108, 'NOTE', 'around', format('replication slot %s keeps what was written, which policies do not filter', s.slot_name),
           format('select pg_drop_replication_slot(%L);', s.slot_name)
      from pg_replication_slots s
     where s.slot_type = 'logical' and s.database = current_database()
    union all
    select 108, 'NOTE', 'around', format('subscription %s writes rows here, which policies do not check', b.subname), null
      from pg_subscription b join pg_database d on d.oid = b.subdbid and d.datname = current_database()
    union all
    select 109, 'NOTE', 'around', 'extensions: ' || string_agg(quote_ident(e.extname), ', ' order by e.extname), null
      from pg_extension e
     where e.extname <> 'plpgsql'
    having count(*) > 0
    union all
    -- Whoever may use a server reaches what its mapping reaches: it can be this very database, as somebody else.
    select 110, 'FAIL', 'around',
           format('%s may use foreign %s %I', coalesce(r.name, 'public'), x.kind, x.name),
           format('revoke usage on foreign %s %I from %s;', x.kind, x.name, coalesce(r.name, 'public'))
      from (select 'server' as kind, srvname as name, srvowner as owner, srvacl as acl from pg_foreign_server
             union all
            select 'data wrapper', fdwname, fdwowner, fdwacl from pg_foreign_data_wrapper) x
     cross join aclexplode(x.acl) a
      left join roles r on r.oid = a.grantee
     where a.grantee <> x.owner
       and (a.grantee = 0 or a.grantee in (select oid from serving))
    union all
    select 110, 'NOTE', 'around', format('prepared transaction %s of %I holds its locks', p.gid, p.owner),
           format('rollback prepared %L;', p.gid)
      from pg_prepared_xacts p
     where p.database = current_database()
    union all
    select 110, 'NOTE', 'around', 'foreign servers: ' || string_agg(quote_ident(s.srvname), ', ' order by s.srvname), null
      from pg_foreign_server s
    having count(*) > 0
    union all
    select 111, case when f.failing = 0 and f.all_of_them > 0 then 'OK' else 'FAIL' end, 'around',
           case when f.all_of_them = 0 then 'there is no table in app'
                else format('%s of %s tables in app force row security', f.all_of_them - f.failing, f.all_of_them) end,
           case when f.all_of_them = 0 then 'rowkeep migrate' else f.fix end
      from (select count(*) as all_of_them,
                   count(*) filter (where not (relrowsecurity and relforcerowsecurity)) as failing,
                   string_agg(format('alter table %s enable row level security, force row level security;', name), ' '
                              order by name collate "C")
                   filter (where not (relrowsecurity and relforcerowsecurity)) as fix
              from tables) f
    union all
    select 112, 'OK', 'around',
           'no view, rule, heir, parent or publication takes rows of app past the policies', null
     where not exists (select from views)
       and not exists (select from heirs)
       and not exists (select from ancestors)
       and not exists (select from pg_rewrite w join tables t on t.oid = w.ev_class)
       and not exists (select from pg_publication where puballtables)
       and not exists (select from pg_publication_rel p join tables t on t.oid = p.prrelid)
       and not exists (select from pg_publication_namespace p join schemas n on n.oid = p.pnnspid)
    union all
    select 120, 'NOTE', 'channel',
           'whoever sends SQL as rowkeep_api can see row estimates (EXPLAIN), sizes, and the texts of its other sessions', null
),

facts as (
    select * from about_server
    union all select * from about_roles
    union all select * from about_schemas
    union all select * from about_tables
    union all select * from about_policies
    union all select * from about_identity
    union all select * from about_functions
    union all select * from about_grants
    union all select * from about_bypass
    union all select * from about_ways_around
),

-- Names are whatever somebody chose: nothing in them can end a line or be taken for another letter.
numbered as (
    select row_number() over (order by part, subject collate "C", fact collate "C") as number, verdict,
           rpad(regexp_replace(subject, '[^ -~]', '?', 'g'), 11) as subject,
           regexp_replace(fact, '[^ -~]+', '?', 'g') as fact,
           -- A statement with another name in it would reach another object.
           'fix: ' || case when verdict = 'OK' or fix = '' then null
                           when fix ~ '[^ -~]' then 'by hand: it takes a name that cannot be printed here'
                           else fix end as fix
      from facts
),

lines (number, line, text) as (
    -- Long facts go on below their beginning; words that are too long are taken apart.
    select n.number, 10 * p.part + l.number,
           case when p.part = 1 and l.number = 1 then rpad(n.verdict, 6) || n.subject || ' ' else repeat(' ', 18) end
           || rtrim(l.words[1])
      from numbered n
     cross join lateral (values (1, n.fact), (1000, n.fix)) p (part, text)
     cross join lateral regexp_matches(regexp_replace(p.text, E'(\\S{90})(?=\\S)', E'\\1 ', 'g'), E'.{1,100}(?:\\s+|$)', 'g')
           with ordinality l (words, number)
    union all
    select 1000000, 0,
           format('%s facts: %s FAIL, %s NOTE', count(*), count(*) filter (where verdict = 'FAIL'),
                  count(*) filter (where verdict = 'NOTE'))
      from numbered
)

select text as audit from lines order by number, line;

rollback;
