-- Looks for: tables and materialized views of app with every column of a table of Rowkeep, and without forced row-level
--   security.
-- Why: a copy of the tasks, such as `create table app.tasks_old as table app.tasks`, has the rows of all users and none of the
--   policies. One GRANT shows them all.
-- Severity: FAIL. The texts of all users are there without protection, even if requests cannot reach them now.
-- Fix: by hand: drop it, or move it to a schema and a role that may have the rows of all users.
-- Controls: SOC 2 CC6.1
select 'RK-309', 'FAIL', 'table',
       format('%s has every column of %s; owner %s', c.name, t.name, o.name),
       'a copy of the rows of all users, to which no policy applies',
       'by hand: drop it, or give it to a role that may see the rows of all users, in another schema', null
  from relations c
  join roles o on o.oid = c.relowner
  join tables t on not exists (select
                                 from pg_attribute a
                                where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
                                  and not exists (select
                                                    from pg_attribute b
                                                   where b.attrelid = c.oid and b.attname = a.attname and not b.attisdropped))
 where c.nspname = 'app'
   and c.relkind in ('r', 'p', 'f', 'm')
   and c.oid not in (select oid from tables)
   and not (c.relrowsecurity and c.relforcerowsecurity)
