-- Looks for: functions, policies, constraints, defaults and indexes of app that depend on a function, operator, cast or
--   collation outside PostgreSQL and Rowkeep.
-- Why: an operator of another schema can look like `=` in the text of a policy, and do something else.
-- Severity: FAIL. PostgreSQL records no dependency on its own objects, so each recorded one is an object of
--   another schema or owner.
-- Fix: make the object again with an empty search path, from migrations/ or policies/.
-- Controls: SOC 2 CC6.1
select 'RK-405', 'FAIL', 'identity',
       format('%s uses %s', pg_describe_object(d.classid, d.objid, d.objsubid),
              pg_describe_object(d.refclassid, d.refobjid, 0)),
       'it is not part of PostgreSQL',
       'by hand: make it again with an empty search_path, from migrations/ or policies/', null
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
