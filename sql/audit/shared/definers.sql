-- SECURITY DEFINER functions outside app whose owner can reach rows of all users: one row for each role that may execute
-- them. open: PUBLIC or a role of requests. risky: what the text says; this audit reads sql and plpgsql only.
definers as (
    select f.oid, f.oid::regprocedure::text as signature, f.proowner as owner, o.name as owner_name, t.body,
           coalesce(r.name, 'public') as receiver, coalesce(r.ours, false) as ours, p.open,
           bool_or(p.open) over (partition by f.oid) as any_open,
           l.lanname not in ('sql', 'plpgsql')
           -- It names a table of app, also in another spelling.
           or t.code ~* (E'U&"|\\m(app|rowkeep)"?\\s*\\.\\s*"?(' || w.names || E')\\M')
           -- It builds SQL, or takes SQL as a text.
           or t.code ~* (E'\\mexecute\\M(?!\\s+(function|procedure)\\s+[\\w".]+\\s*\\(|\\s+on\\M)|\\m(query|cursor|table|schema|database)_to_xml'
                         '|\\m(ts_stat|ts_rewrite|dblink\\w*|crosstab\\w*|connectby|pg_read_(binary_)?file|lo_import)\\M')
           -- It names the table alone, and its search path leads to app or is that of its caller.
           or s.reaches and f.prosrc ~* (E'\\m(from|join|into|update|table|only|using)\\s+"?(' || w.names || E')\\M'
                                         '|\\mfrom\\M[^;]*,\\s*"?(' || w.names || E')\\M') as risky
      from pg_proc f
      join roles o on o.oid = f.proowner
      join pg_language l on l.oid = f.prolang
      join pg_namespace n on n.oid = f.pronamespace
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
      left join roles r on r.oid = a.grantee
     cross join (select coalesce(string_agg(regexp_replace(c.relname, '[^A-Za-z0-9_]+', '.*', 'g'), '|'), '-') as names
                   from relations c where c.relkind in ('r', 'p', 'v', 'm', 'f')) w
     cross join lateral (select concat(f.prosrc, pg_get_function_sqlbody(f.oid)) as body,
                                -- Without the lines that are comments: a line with a quote can be part of a text.
                                regexp_replace(concat(f.prosrc, pg_get_function_sqlbody(f.oid)), E'^\\s*--[^''$\\n]*$', '', 'gn')
                                as code) t
     cross join lateral (select not exists (select from unnest(f.proconfig) c (setting)
                                             where c.setting ~* '^search_path=' and c.setting !~* E'\\mapp\\M') as reaches) s
     cross join lateral (
           select (a.grantee = 0 or a.grantee in (select oid from serving_roles))
                  and exists (select
                                from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) u
                               where u.privilege_type = 'USAGE' and (u.grantee = 0 or u.grantee in (select oid from serving_roles))
                              ) as open) p
     where f.prosecdef
       and f.oid >= 16384
       and (f.pronamespace not in (select oid from schemas) or f.oid in (select oid from strange_functions))
       and a.grantee <> f.proowner
       and f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
       and (o.rolsuper
            or exists (select
                         from tables t
                        where pg_has_role(o.oid, t.relowner, 'USAGE')
                           or o.rolbypassrls
                              and (has_any_column_privilege(o.oid, t.oid, 'SELECT, INSERT, UPDATE')
                                   or has_table_privilege(o.oid, t.oid, 'DELETE, TRUNCATE'))))
       and not exists (select
                         from extension_members x
                        where x.classid = 'pg_proc'::regclass and x.objid = f.oid
                          -- Functions of extensions are left out, unless their text names app. plpgsql has none.
                          and x.extname <> 'plpgsql' and f.prosrc !~* E'\\mapp"?\\s*\\.')
)
