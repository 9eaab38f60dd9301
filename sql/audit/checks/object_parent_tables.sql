-- Looks for: tables outside app from which a table of app inherits.
-- Why: a query of the parent table also reads the rows of the table of app, by the policies of the parent.
-- Severity: FAIL. The policies of app do not apply to such a query.
-- Fix: alter table ... no inherit ...; or alter table ... detach partition ...;
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-805', 'FAIL', 'objects', format('%s inherits from %s', a.of::regclass, a.oid::regclass),
       'a query of that table reads rows of app',
       (select case when c.relispartition
                    then format('alter table %s detach partition %s;', a.oid::regclass, a.of::regclass)
                    else format('alter table %s no inherit %s;', a.of::regclass, a.oid::regclass) end
          from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhrelid = a.of and i.inhparent = a.oid),
       (select relowner from tables t where t.oid = a.of)
  from parent_tables a
 where a.oid not in (select oid from tables)
