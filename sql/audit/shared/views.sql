-- Views that read a table of app, or the key of cursors, and views that read those views.
views (oid) as (
    select r.ev_class
      from relations t
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> t.oid
     where t.oid in (select oid from tables) or t.name = 'rowkeep.cursor_keys'
    union
    select r.ev_class
      from views v
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.oid
)
