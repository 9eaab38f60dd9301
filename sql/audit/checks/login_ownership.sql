-- Looks for: objects in this database that a login of requests owns.
-- Why: an owner can change its objects, and policies do not bind it unless they are forced.
-- Severity: NOTE. Objects outside app do not hold rows of users.
-- Fix: by hand: decide who is to own the object.
-- Controls: SOC 2 CC6.3
select 'RK-705', 'NOTE', 'login', format('%s owns objects in this database: %s', l.name,
              string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', '
                         order by pg_describe_object(d.classid, d.objid, d.objsubid) collate "C")),
       '', null, null
  from logins l
  join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = l.oid and d.deptype = 'o'
  join pg_database b on b.oid = d.dbid and b.datname = current_database()
 group by l.name
