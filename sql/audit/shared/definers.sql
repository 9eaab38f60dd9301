-- Views that read a table of app, as a pattern: one with security_invoker shows the rows of all users to the owner of a
-- function.
app_views (pattern) as (
    select format(E'\\m(from|join|into|update|table|only|using)\\M([^;]*,)?[\\s(]*("?\\w+"?\\s*\\.\\s*)?"?(%s)\\M',
                  coalesce(string_agg(regexp_replace(c.relname, '[^A-Za-z0-9_]+', '.*', 'g'), '|'), '-'))
      from views v
      join pg_class c on c.oid = v.oid
),

-- Functions of users that name a table of app, and those that call them: what calls one of them can reach its rows. Not the
-- functions of Rowkeep, which are safe to call.
user_functions as materialized (
    select f.oid, f.proname, f.pronamespace in (select oid from schemas) as in_app,
           concat(f.prosrc, pg_get_function_sqlbody(f.oid)) as text
      from pg_proc f
      join pg_language l on l.oid = f.prolang and l.lanname in ('sql', 'plpgsql')
     where f.oid >= 16384
       and not (f.pronamespace in (select oid from schemas)
                and (f.prorettype = 'trigger'::regtype or f.proname in (select name from named_functions)))
       and not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
),

app_readers (oid, name) as (
    select f.oid, f.proname
      from user_functions f
     where case when f.in_app
                then exists (select from tables t where strpos(lower(f.text), lower(t.relname)) > 0)
                else f.text ~* E'\\mapp"?\\s*\\.' end
           or f.text ~* (select pattern from app_views)
    union
    select f.oid, f.proname
      from app_readers r
      join user_functions f on strpos(lower(f.text), lower(r.name)) > 0
                           -- A name of PostgreSQL's own is no sign.
                           and not exists (select from pg_proc p
                                            where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = r.name)
                           and f.text ~* (E'\\m' || regexp_replace(r.name, '[^A-Za-z0-9_]+', '.*', 'g') || E'"?\\s*\\(')
),

-- SECURITY DEFINER functions outside app whose owner can reach rows of all users: one row for each role that may execute
-- them. open: PUBLIC or a role of requests. reads_rows: the owner reaches the rows themselves, and not only the files or the
-- statistics of the table. What the text says (this audit reads sql and plpgsql only):
--   names_app   it reads or changes a table of app
--   sensitive   it builds SQL that its caller can choose, takes SQL as a text, reads passwords, statistics or files, or is
--               in a language that this audit does not read
definers as (
    select f.oid, f.oid::regprocedure::text as signature, f.proowner as owner, o.name as owner_name, t.body, f.proname, l.lanname,
           p.receiver, coalesce(r.ours, false) as ours, p.open, bool_or(p.open) over (partition by f.oid) as any_open,
           f.prorettype = 'trigger'::regtype as of_trigger,
           -- Its caller's search_path decides what it calls. The body of BEGIN ATOMIC is resolved already.
           pg_get_function_sqlbody(f.oid) is null
           and not exists (select from unnest(f.proconfig) c (setting) where c.setting ~* '^search_path=') as loose,
           exists (select from extension_members x
                    where x.classid = 'pg_proc'::regclass and x.objid = f.oid and x.extname <> 'plpgsql') as extension,
           -- An argument that can have SQL or a name in it.
           exists (select
                     from unnest(f.proargtypes::oid[]) g (type)
                     join pg_type y on y.oid = g.type
                    where y.typcategory not in ('N', 'B', 'D', 'T', 'E', 'I')) as takes_text,
           w.reads_rows and n.named as names_app,
           l.lanname not in ('sql', 'plpgsql')
           or n.dynamic
           or t.code ~* (E'\\m(query|cursor|table|schema|database)_to_xml|\\m(ts_stat|ts_rewrite|dblink\\w*|crosstab\\w*|connectby'
                         '|pg_read_(binary_)?file|pg_get_wal_block_info|lo_import|lo_export|pg_logical_slot_\\w+|pg_stats|pg_statistic'
                         '|pg_stats_ext\\w*|pg_statistic_ext\\w*|pg_shadow|pg_authid|pg_user_mappings?)\\M|\\mcopy\\M.*\\mprogram\\M'
                         '|\\mcron"?\\s*\\.\\s*"?(schedule|alter_job)')
                         as sensitive
      from pg_proc f
      join roles o on o.oid = f.proowner
      join pg_language l on l.oid = f.prolang
      join pg_namespace s on s.oid = f.pronamespace
     cross join lateral (
           select o.rolsuper
                  or exists (select from can_use u join roles a on a.oid = u.other and a.rolname = 'rowkeep_api' where u.role = o.oid)
                  or exists (select
                               from tables t
                              where pg_has_role(o.oid, t.relowner, 'USAGE')
                                 or o.rolbypassrls
                                    and (has_any_column_privilege(o.oid, t.oid, 'SELECT, INSERT, UPDATE')
                                         or has_table_privilege(o.oid, t.oid, 'DELETE, TRUNCATE'))) as reads_rows,
                  o.rolreplication
                  or exists (select
                               from can_use u
                               join roles a on a.oid = u.other
                              where u.role = o.oid
                                and (a.rolsuper
                                     or a.rolname in ('pg_read_all_data', 'pg_read_server_files', 'pg_write_server_files',
                                                      'pg_execute_server_program'))) as reads_files) w
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
      left join roles r on r.oid = a.grantee
     cross join (select coalesce(string_agg(regexp_replace(c.relname, '[^A-Za-z0-9_]+', '.*', 'g'), '|'), '-') as names
                   from relations c where c.relkind in ('r', 'p', 'v', 'm', 'f')) x
     -- A name of PostgreSQL's own counts with the schema of another function.
     cross join (select coalesce(string_agg(case when p.there then E'(?!pg_catalog\\M)\\w+"?\\s*\\.\\s*"?' else '' end
                                            || regexp_replace(n.name, '[^A-Za-z0-9_]+', '.*', 'g'), '|'), '-') as names
                   from app_readers n
                  cross join lateral (
                        select exists (select from pg_proc p
                                        where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = n.name) as there) p) e
     cross join lateral (select concat(f.prosrc, pg_get_function_sqlbody(f.oid)) as body) b
     -- Without comments, if it is clear where texts end. A quote_ident() or quote_literal() between texts is written as
     -- format() has it.
     cross join lateral (
           select b.body,
                  regexp_replace(regexp_replace(
                      case when b.body ~ E'\\$\\w*\\$|\\\\''' then b.body
                           else regexp_replace(b.body, E'(''([^'']|'''')*''|"[^"]*")|--[^\\n\\r]*|/\\*([^*]|\\*+[^*/])*\\*+/',
                                               E'\\1 ', 'g') end,
                      E'''\\s*\\|\\|\\s*(pg_catalog\\.)?quote_(ident|literal|nullable)\\s*\\([^()]*\\)\\s*\\|\\|\\s*''', '%I', 'g'),
                      E'''\\s*\\|\\|\\s*(pg_catalog\\.)?quote_(ident|literal|nullable)\\s*\\([^()]*\\)', '%I''', 'g') as code) t
     -- Without the dynamic statements in which the caller can choose no table: a constant, or format() with names and values
     -- alone. In what is left, EXECUTE within a text is no statement, if it is clear where texts end.
     cross join lateral (
           select regexp_replace(
                      regexp_replace(t.code, E'\\mexecute\\s+''([^'']|'''')*''\\s*(;|\\minto\\M|\\musing\\M|\\mloop\\M)', ' ', 'gi'),
                      E'\\mexecute\\s+(pg_catalog\\.)?(format\\s*\\(\\s*)?''([^''%]|''''|%%|%([0-9]+\\$)?[IL])*''[^;|]*(;|\\mloop\\M)',
                      ' ', 'gi') as left_over) u
     cross join lateral (
           select -- It names a table of app, also in another spelling, or calls what does.
                  t.code ~* (E'U&"|\\m(from|join|into|update|table|only|using|truncate|copy)\\M[\\s(]*("?(app|rowkeep)"?\\s*\\.\\s*"?('
                             || x.names || E')\\M|[^;]*,[\\s(]*"?(app|rowkeep)"?\\s*\\.\\s*"?(' || x.names || E')\\M)')
                  or t.code ~* (E'\\m(' || e.names || E')"?\\s*\\(')
                  or t.code ~* (select pattern from app_views)
                  -- It names the table alone, and its search path leads to app or is that of its caller.
                  or not exists (select from unnest(f.proconfig) c (setting)
                                  where c.setting ~* '^search_path=' and c.setting !~* E'\\mapp\\M')
                     and t.code ~* (E'\\m(from|join|into|update|table|only|using)[\\s(]+"?(' || x.names || E')\\M'
                                    '|\\mfrom\\M[^;]*,[\\s(]*"?(' || x.names || E')\\M') as named,
                  case when b.body ~ E'\\$\\w*\\$|\\\\''' then u.left_over
                       else regexp_replace(u.left_over, E'''([^'']|'''')*''', '''''', 'g') end
                  ~* E'\\mexecute\\M(?!\\s+(function|procedure)\\s+[\\w".]+\\s*\\(|\\s+on\\M)'
                  or t.code ~* E'\\mexecute\\M'
                     and t.code ~* (E'\\m(from|join|into|update|table|only|using|truncate)\\s+(only\\s+)?"?%([0-9]+\\$)?I'
                                    '|%([0-9]+\\$)?I"?\\s*\\.|\\m(app|rowkeep)"?\\s*\\.\\s*"?%') as dynamic) n
     cross join lateral (
           select (a.grantee = 0 or a.grantee in (select oid from serving_roles))
                  and exists (select
                                from aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) v
                               where v.privilege_type = 'USAGE' and (v.grantee = 0 or v.grantee in (select oid from serving_roles)))
                  as open) z
     cross join lateral (
           select z.open,
                  -- Who may execute it because everybody may, still needs the schema.
                  case when a.grantee <> 0 then r.name
                       when z.open then 'public'
                       else (select string_agg(distinct g.name, ', ')
                               from aclexplode(s.nspacl) v
                               join roles g on g.oid = v.grantee
                              where v.grantee <> s.nspowner) end as receiver) p
     where f.prosecdef
       and f.oid >= 16384
       and (f.pronamespace not in (select oid from schemas) or f.oid in (select oid from strange_functions))
       and a.grantee <> f.proowner
       -- Nobody can call the function of an event trigger. That of a trigger can be attached to a table of the caller's own.
       and f.prorettype <> 'event_trigger'::regtype
       and (w.reads_rows or w.reads_files)
       and p.receiver is not null
)
