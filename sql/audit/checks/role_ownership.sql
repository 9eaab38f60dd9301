-- Looks for: objects in this database that rowkeep_api or rowkeep_auditor own.
-- Why: an owner can switch off the protection of its object.
-- Severity: FAIL. These roles must own nothing.
-- Fix: reassign owned by ... to rowkeep_owner;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-203', 'FAIL', 'role', format('%s owns objects in this database', r.name),
       string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', '
                  order by pg_describe_object(d.classid, d.objid, d.objsubid) collate "C"),
       format('reassign owned by %s to rowkeep_owner;', r.name),
       -- A role that has the privileges of both can do it.
       coalesce((select min(w.oid::bigint)
                   from roles w
                   join roles o on o.rolname = 'rowkeep_owner'
                  where not w.rolsuper and pg_has_role(w.oid, r.oid, 'USAGE') and pg_has_role(w.oid, o.oid, 'USAGE')), 0)
  from roles r
  join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'
  join pg_database b on b.oid = d.dbid and b.datname = current_database()
 where r.rolname in ('rowkeep_api', 'rowkeep_auditor')
   -- RK-211, RK-301 and RK-411 name the owners of these.
   and not (d.classid = 'pg_namespace'::regclass and d.objid in (select oid from schemas)
            or d.classid = 'pg_class'::regclass and d.objid in (select oid from tables)
            or d.classid = 'pg_proc'::regclass
               and d.objid in (select f.oid from pg_proc f join schemas s on s.oid = f.pronamespace and s.nspname = 'app'))
 group by r.name, r.oid
