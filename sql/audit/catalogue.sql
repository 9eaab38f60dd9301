-- Everything of Rowkeep in the schemas app and rowkeep, as the statements that make it. The result of a freshly migrated
-- database is the declaration (sql/audit/declared/). `rowkeep audit` compares every other database with it. Objects of another
-- program in app are left out unless requests can reach them: sql/audit.sql counts those.
--   object     the name of the object; unique
--   statement  the statements that make it, as PostgreSQL prints them with an empty search path
--   undo       the statement that removes it; null if it would delete rows
with schemas as (
    select oid, nspname, quote_ident(nspname) as name, nspowner, nspacl
      from pg_namespace
     where nspname in ('app', 'rowkeep')
),

extension_members as (
    select classid, objid from pg_depend where deptype = 'e'
),

-- The tables, views and sequences that are Rowkeep's and that requests can reach, and the views that read app.tasks. Tables of
-- Rowkeep are app.tasks, and those of rowkeep_owner or with the identity as the default of user_id.
own (oid) as (
    select c.oid
      from pg_class c
      join schemas s on s.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
       and not exists (select from extension_members x where x.classid = 'pg_class'::regclass and x.objid = c.oid)
       and (s.nspname = 'rowkeep'
            or c.relname in ('tasks', 'tasks_id_seq')
            or case when c.relkind = 'S' then has_sequence_privilege(to_regrole('rowkeep_api'), c.oid, 'USAGE, SELECT, UPDATE')
                    else has_table_privilege(to_regrole('rowkeep_api'), c.oid, 'DELETE, TRUNCATE, TRIGGER')
                         or has_any_column_privilege(to_regrole('rowkeep_api'), c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
               end
               and (c.relkind in ('v', 'm', 'S')
                    or c.relowner = to_regrole('rowkeep_owner')
                    or exists (select
                                 from pg_attribute a
                                 join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                                where a.attrelid = c.oid and a.attname = 'user_id'
                                  and pg_get_expr(d.adbin, d.adrelid) = 'app.current_user_id()'))
            or exists (select
                         from pg_rewrite w
                         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                         join pg_class t on d.refclassid = 'pg_class'::regclass and t.oid = d.refobjid
                                        and t.relname = 'tasks' and t.relnamespace = s.oid
                        where w.ev_class = c.oid))
),

relations as (
    select c.*, s.name as schema, format('%I.%I', s.nspname, c.relname) as name, quote_ident(o.rolname) as owner
      from pg_class c
      join schemas s on s.oid = c.relnamespace
      join pg_roles o on o.oid = c.relowner
      left join pg_index i on i.indexrelid = c.oid
      left join pg_depend d on c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid
                           and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
     where coalesce(i.indrelid, c.oid) in (select oid from own) or d.refobjid in (select oid from own)
),

tables as (
    select * from relations where relkind in ('r', 'p', 'f', 'v', 'm')
),

functions as (
    select f.*, f.oid::regprocedure::text as name, quote_ident(o.rolname) as owner
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
      join pg_roles o on o.oid = f.proowner
     where not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
       -- Not the functions of another program (sql/audit/shared/strangers.sql).
       and (s.nspname = 'rowkeep'
            or o.rolsuper and f.prorettype <> 'trigger'::regtype
            or o.rolname in ('rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor')
            or f.proname in ('current_user_id', 'identify', 'schema_version', 'cursor_key', 'accepted')
            or f.proname in (select relname || '_touch' from tables)
            or exists (select from pg_trigger g join tables t on t.oid = g.tgrelid where g.tgfoid = f.oid))
),

-- A PostgreSQL with ICU has a collation of it for each language, and und-x-icu for none. One without ICU makes app.letters
-- of other rules, which are as declared there. Since 16 it has an entry of ICU as well, `unicode`, which cannot be used.
collations as (
    select k.oid, format('%I.%I', s.nspname, k.collname) as name, quote_ident(o.rolname) as owner,
           case when k.collprovider <> 'i' and (s.nspname, k.collname) = ('app', 'letters')
                     and not exists (select from pg_collation i
                                      where i.collname = 'und-x-icu' and i.collnamespace = 'pg_catalog'::regnamespace)
                then 'provider = icu, locale = ''und'''
                else format('provider = %s, locale = %L%s',
                            case k.collprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
                            -- The column with the locale has another name since 17.
                            coalesce(to_jsonb(k) ->> 'colllocale', to_jsonb(k) ->> 'colliculocale', k.collctype),
                            case when k.collisdeterministic then '' else ', deterministic = false' end)
           end as rules
      from pg_collation k
      join schemas s on s.oid = k.collnamespace
      join pg_roles o on o.oid = k.collowner
),

constraints as (
    select k.*, t.name as relation
      from pg_constraint k
      join tables t on t.oid = k.conrelid
     where k.contype <> 'n'  -- since PostgreSQL 18 NOT NULL is a constraint, and the entry of the column says it already
),

privileges as (
    select 'schema ' || s.name as target, '' as part, s.nspowner as owner, a.*
      from schemas s
     cross join aclexplode(s.nspacl) a
    union all
    select case r.relkind when 'S' then 'sequence ' else 'table ' end || r.name, '', r.relowner, a.*
      from relations r
     cross join aclexplode(r.relacl) a
    union all
    select 'table ' || r.name, format(' (%I)', t.attname), r.relowner, a.*
      from relations r
      join pg_attribute t on t.attrelid = r.oid and not t.attisdropped
     cross join aclexplode(t.attacl) a
    union all
    select 'function ' || f.name, '', f.proowner, a.*
      from functions f
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
),

-- Every comment, with its object in the syntax of COMMENT ON.
commented (target, text) as (
    select 'schema ' || s.name, obj_description(s.oid, 'pg_namespace') from schemas s
    union all
    select case r.relkind when 'r' then 'table ' when 'p' then 'table ' when 'v' then 'view ' when 'f' then 'foreign table '
                          when 'm' then 'materialized view ' when 'S' then 'sequence ' when 'c' then 'type '
                          else 'index ' end || r.name, obj_description(r.oid, 'pg_class')
      from relations r
    union all
    select format('column %s.%I', t.name, a.attname), col_description(t.oid, a.attnum)
      from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0
    union all
    select format('constraint %I on %s', k.conname, k.relation), obj_description(k.oid, 'pg_constraint') from constraints k
    union all
    select format('policy %I on %s', p.polname, t.name), obj_description(p.oid, 'pg_policy')
      from pg_policy p join tables t on t.oid = p.polrelid
    union all
    select format('trigger %I on %s', g.tgname, t.name), obj_description(g.oid, 'pg_trigger')
      from pg_trigger g join tables t on t.oid = g.tgrelid
    union all
    select 'function ' || f.name, obj_description(f.oid, 'pg_proc') from functions f
    union all
    select 'collation ' || k.name, obj_description(k.oid, 'pg_collation') from collations k
),

catalogue (object, statement, undo) as (
    select 'schema ' || s.name, format('alter schema %s owner to %I;', s.name, o.rolname), null
      from schemas s join pg_roles o on o.oid = s.nspowner
    union all
    select format('%s %s', case t.relkind when 'f' then 'foreign table' when 'v' then 'view' when 'm' then 'materialized view'
                                          else 'table' end, t.name),
           format('alter table %s owner to %s;', t.name, t.owner)
           || case when t.relkind in ('r', 'p')
                   then format(E'\nalter table %s %s row level security;\nalter table %s %s row level security;', t.name,
                               case when t.relrowsecurity then 'enable' else 'disable' end, t.name,
                               case when t.relforcerowsecurity then 'force' else 'no force' end) else '' end
           || case t.relpersistence when 'p' then '' else format(E'\nalter table %s set unlogged;', t.name) end
           || case when t.relkind in ('v', 'm') then E'\n' || pg_get_viewdef(t.oid) else '' end,
           case when t.relkind in ('v', 'm') then format('drop %s %s;', case t.relkind when 'v' then 'view'
                                                         else 'materialized view' end, t.name)
                when t.relpersistence = 'u' then format('alter table %s set logged;', t.name) end
      from tables t
    union all
    select format('column %s.%I', t.name, a.attname),
           format('%s. %I %s%s%s%s%s', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
                  case when a.attcollation <> y.typcollation then ' collate ' || a.attcollation::regcollation else '' end,
                  case when a.attnotnull then ' not null' else '' end,
                  case a.attidentity when 'a' then ' generated always as identity'
                                     when 'd' then ' generated by default as identity' else '' end,
                  case when a.attgenerated <> '' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ')'
                       else coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') end), null
      from tables t
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      join pg_type y on y.oid = a.atttypid
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select 'sequence ' || r.name,
           format('alter sequence %s as %s minvalue %s maxvalue %s start %s increment %s%s%s', r.name,
                  format_type(q.seqtypid, null), q.seqmin, q.seqmax, q.seqstart, q.seqincrement,
                  case when q.seqcycle then ' cycle' else ' no cycle' end,
                  -- No statement makes a sequence the identity of a column, so a comment says it.
                  case when d.deptype = 'i' then format('; -- of %s.%I', t.name, a.attname)
                       when d.deptype = 'a' then format(' owned by %s.%I;', t.name, a.attname)
                       else ' owned by none;' end), null
      from relations r
      join pg_sequence q on q.seqrelid = r.oid
      left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')
                           and d.refobjsubid > 0
      left join tables t on t.oid = d.refobjid
      left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    union all
    select format('constraint %I on %s', k.conname, k.relation),
           format('alter table %s add constraint %I %s;', k.relation, k.conname, pg_get_constraintdef(k.oid)),
           format('alter table %s drop constraint %I;', k.relation, k.conname)
      from constraints k
    union all
    select format('index %I.%I', s.nspname, x.relname),
           pg_get_indexdef(i.indexrelid) || ';' || case when i.indisvalid then '' else ' -- not valid' end,
           -- Dropping a constraint drops its index.
           coalesce((select format('alter table %s drop constraint %I;', k.relation, k.conname)
                       from constraints k
                      where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
                    format('drop index %I.%I;', s.nspname, x.relname))
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      join schemas s on s.oid = x.relnamespace
      join relations r on r.oid = i.indexrelid
    union all
    select format('policy %I on %s', p.polname, t.name),
           format('create policy %I on %s as %s for %s to %s%s%s;', p.polname, t.name,
                  case when p.polpermissive then 'permissive' else 'restrictive' end,
                  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                                else 'all' end,
                  (select string_agg(case o.oid when 0 then 'public' else quote_ident(r.rolname) end, ', ' order by r.rolname)
                     from unnest(p.polroles) o (oid) left join pg_roles r on r.oid = o.oid),
                  E'\n    using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                  E'\n    with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
           format('drop policy %I on %s;', p.polname, t.name)
      from pg_policy p join tables t on t.oid = p.polrelid
    union all
    select format('trigger %I on %s', g.tgname, t.name),
           pg_get_triggerdef(g.oid) || ';'
           || case g.tgenabled when 'O' then ''
                               else format(E'\nalter table %s %s trigger %I;', t.name,
                                           case g.tgenabled when 'D' then 'disable' when 'R' then 'enable replica'
                                                            else 'enable always' end, g.tgname) end,
           format('drop trigger %I on %s;', g.tgname, t.name)
      from pg_trigger g join tables t on t.oid = g.tgrelid
     where not g.tgisinternal
    union all
    select format('rule %I on %s', w.rulename, t.name), pg_get_ruledef(w.oid), format('drop rule %I on %s;', w.rulename, t.name)
      from pg_rewrite w join tables t on t.oid = w.ev_class
     where w.rulename <> '_RETURN'
    union all
    select format('inheritance of %s', i.inhrelid::regclass),
           string_agg(format('alter table %s inherit %s;', i.inhrelid::regclass, i.inhparent::regclass), E'\n' order by i.inhseqno),
           string_agg(case when c.relispartition
                           then format('alter table %s detach partition %s;', i.inhparent::regclass, i.inhrelid::regclass)
                           else format('alter table %s no inherit %s;', i.inhrelid::regclass, i.inhparent::regclass) end, E'\n')
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     where exists (select from tables t where t.oid in (i.inhrelid, i.inhparent))
     group by i.inhrelid
    union all
    select 'function ' || f.name,
           case when f.prokind in ('f', 'p') then rtrim(pg_get_functiondef(f.oid), E'\n') || ';'
                else 'an aggregate' end
           || format(E'\nalter routine %s owner to %s;', f.name, f.owner),
           format('drop routine %s;', f.name)
      from functions f
    union all
    select 'collation ' || k.name,
           format(E'create collation %s (%s);\nalter collation %s owner to %s;', k.name, k.rules, k.name, k.owner),
           format('drop collation %s;', k.name)
      from collations k
    union all
    select format('grant of %s%s on %s to %s', lower(p.privilege_type), p.part, p.target, g.name)
           || case when p.is_grantable then ' with grant option' else '' end,
           format('grant %s%s on %s to %s', lower(p.privilege_type), p.part, p.target, g.name)
           || case when p.is_grantable then ' with grant option;' else ';' end,
           format('revoke %s%s on %s from %s;', lower(p.privilege_type), p.part, p.target, g.name)
      from privileges p
     cross join lateral (select coalesce((select quote_ident(r.rolname) from pg_roles r where r.oid = p.grantee),
                                         'public') as name) g
     where p.grantee <> p.owner
    union all
    select 'comment on ' || c.target, format('comment on %s is %L;', c.target, c.text),
           format('comment on %s is null;', c.target)
      from commented c
     where c.text is not null
    union all
    -- Other objects that a schema can contain: operators, statistics, ... A type holds no rows and gives nobody a privilege.
    select pg_describe_object(d.classid, d.objid, 0), 'its definition is not compared',
           format('drop %s %s;', replace(o.type, 'statistics object', 'statistics'), o.identity)
      from pg_depend d
     cross join lateral pg_identify_object(d.classid, d.objid, 0) o
      join schemas s on s.oid = d.refobjid
     where d.refclassid = 'pg_namespace'::regclass
       and d.classid not in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass,
                             'pg_collation'::regclass, 'pg_default_acl'::regclass, 'pg_publication_namespace'::regclass,
                             -- sql/audit.sql names the extensions.
                             'pg_extension'::regclass)
       and d.classid <> 'pg_type'::regclass
       and not exists (select from extension_members x where x.classid = d.classid and x.objid = d.objid)
)

select object, statement, undo
  from catalogue
 order by object collate "C", statement collate "C"
