-- Looks for: publications that send rows of app.
-- Why: logical replication does not apply policies to what it sends.
-- Severity: NOTE. It may be there on purpose, to copy the database.
-- Fix: drop publication ...;
-- Controls: SOC 2 CC6.1
select 'RK-614', 'NOTE', 'bypass',
       format('publication %I of %s sends %s', p.pubname, o.name,
              case when p.puballtables then 'all tables'
                   else (select string_agg(x.name, ', ' order by x.name collate "C")
                           from (select t.name from pg_publication_rel r join tables t on t.oid = r.prrelid where r.prpubid = p.oid
                                  union
                                 select format('schema %I', s.nspname)
                                   from pg_publication_namespace n join schemas s on s.oid = n.pnnspid
                                  where n.pnpubid = p.oid and s.nspname = 'app') x) end),
       'a role that may replicate receives the rows of all users, and no policy applies',
       format('drop publication %I;', p.pubname), p.pubowner
  from pg_publication p
  join roles o on o.oid = p.pubowner
 where p.puballtables
    or exists (select from pg_publication_rel r join tables t on t.oid = r.prrelid where r.prpubid = p.oid)
    or exists (select from pg_publication_namespace n join schemas s on s.oid = n.pnnspid
                where n.pnpubid = p.oid and s.nspname = 'app')
