-- Looks for: roles that were granted, in another database of this cluster, a function that reads or writes files of the server
--   (pg_read_binary_file(), lo_import() and their like) or a catalogue with passwords (pg_authid).
-- Why: these files and passwords belong to the whole cluster. Backup tools have pg_read_binary_file() granted in the database
--   postgres: their login reads the files of app.tasks from there.
-- Severity: NOTE for a role that needs it. FAIL for roles of requests. PostgreSQL shows only grants to roles, and only for what
--   it brings along itself: the rest is not looked at (RK-690).
-- Fix: in that database, revoke execute on function ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-623', case when bool_or(g.serves) then 'FAIL' else 'NOTE' end, 'bypass',
       format('%s %s %s in database %I', g.name, case g.part when 1 then 'may execute' else 'has a privilege on' end,
              string_agg(distinct g.object, ', '), g.datname),
       string_agg(distinct g.ability, '; '),
       format('by hand: in database %I: %s', g.datname, string_agg(distinct g.fix, ' ')), null::oid
  from (select r.name, b.datname, r.oid in (select oid from serving_roles) as serves, w.part, w.ability,
               w.name as object,
               format('revoke all on %s %s from %s;', case w.part when 1 then 'function' when 2 then 'table' end, w.name, h.name) as fix
          from (select 1 as part, 'pg_proc'::regclass as classid, p.oid, p.oid::regprocedure::text as name,
                       case when p.proname = 'lo_export' then 'writes files of the server, such as its configuration'
                            else 'reads the files of all tables, also those of this database' end as ability
                  from pg_proc p
                 where p.oid < 16384 and p.proname in ('lo_import', 'lo_export', 'pg_read_file', 'pg_read_binary_file', 'pg_read_file_old')
                 union all
                select 2, 'pg_class'::regclass, c.oid, c.oid::regclass::text, 'with the passwords or the hashes in it, it can log in as others'
                  from pg_class c
                 where c.oid in ('pg_catalog.pg_authid'::regclass, 'pg_catalog.pg_shadow'::regclass,
                                 'pg_catalog.pg_subscription'::regclass)) w
          join pg_database b on b.datallowconn and b.datname <> current_database()
         -- One look into the index for each of few objects.
         cross join lateral (
               select d.refobjid
                 from pg_shdepend d
                where d.dbid = b.oid and d.classid = w.classid and d.objid = w.oid and d.deptype = 'a'
                  and d.refclassid = 'pg_authid'::regclass
                offset 0) d
          join roles h on h.oid = d.refobjid
          join can_use u on u.other = h.oid
          join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
         -- For roles of requests one line is enough.
         where u.role = u.other or h.oid not in (select oid from serving_roles)) g
 group by g.name, g.datname, g.part
