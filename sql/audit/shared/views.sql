-- Views that read a table of app, or the key of cursors, and views that read those views. A materialized view keeps what its
-- functions read, too: those whose text names a table of app count.
copying_views (oid) as materialized (
    select m.oid
      from (select oid from pg_class where relkind = 'm' offset 0) m
      join pg_rewrite r on r.ev_class = m.oid
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_proc'::regclass
      join pg_proc f on f.oid = d.refobjid and f.oid >= 16384
     cross join lateral (
           -- Without the lines that are comments.
           select regexp_replace(concat(f.prosrc, pg_get_function_sqlbody(f.oid)), E'^\\s*--[^''$\\n]*$', '', 'gn') as code) t
     where exists (select
                     from relations c
                    where (c.oid in (select oid from tables) or c.name = 'rowkeep.cursor_keys')
                      and t.code ~* (E'\\m' || c.nspname || E'"?\\s*\\.\\s*"?' || regexp_replace(c.relname, '[^A-Za-z0-9_]+', '.*', 'g')
                                     || E'\\M'))
),

views (oid) as (
    select r.ev_class
      from relations t
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> t.oid
     where t.oid in (select oid from tables) or t.name = 'rowkeep.cursor_keys'
    union
    select * from copying_views
    union
    select r.ev_class
      from views v
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.oid
)
