-- Looks for: tables and materialized views of app or rowkeep with the columns of a table of Rowkeep, and without its policies.
-- Why: a copy of the tasks, such as `create table app.tasks_old as table app.tasks`, has the rows of all users and none of the
--   policies. One GRANT shows them all.
-- Severity: FAIL. The texts of all users are there without protection, even if requests cannot reach them now. NOTE if only some
--   columns are there and user_id has another type or collation than ours: it can be a table of another program.
-- Fix: by hand: drop it, or move it to a schema and a role that may have the rows of all users.
-- Controls: SOC 2 CC6.1
select 'RK-309', case when c.complete or c.copied then 'FAIL' else 'NOTE' end, 'table',
       format('%s has %s of %s; %s; owner %s', c.name,
              case when c.complete then 'every column' else 'the columns ' || c.columns end, c.of,
              coalesce('read by ' || x.readers, 'nobody but its owner reads it'), o.name),
       case when c.complete or c.copied then 'a copy of the rows of all users, to which no policy of Rowkeep applies'
            else 'if it is a copy, no policy of Rowkeep applies to the rows of all users' end,
       'by hand: drop it, or give it to a role that may see the rows of all users, in another schema', null
  from copies c
  join roles o on o.oid = c.relowner
 cross join lateral (
       select string_agg(distinct coalesce(r.name, 'public'), ', ') as readers
         from (select grantee, privilege_type from aclexplode(c.relacl)
                union all
               select x.grantee, x.privilege_type
                 from pg_attribute y cross join aclexplode(y.attacl) x
                where y.attrelid = c.oid) a
         left join roles r on r.oid = a.grantee
        where a.privilege_type = 'SELECT' and a.grantee <> c.relowner) x
