-- Looks for: objects in this database that rowkeep_api or rowkeep_auditor own.
-- Why: an owner can switch off the protection of its object.
-- Severity: FAIL. These roles must own nothing.
-- Fix: reassign owned by ... to rowkeep_owner;
select 'RK-203', 'FAIL', 'role', format('%s owns objects in this database', r.name),
       string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', '
                  order by pg_describe_object(d.classid, d.objid, d.objsubid) collate "C"),
       format('reassign owned by %s to rowkeep_owner;', r.name), r.oid
  from roles r
  join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'
  join pg_database b on b.oid = d.dbid and b.datname = current_database()
 where r.rolname in ('rowkeep_api', 'rowkeep_auditor')
 group by r.name, r.oid
