-- Looks for: publications that send rows of app.
-- Why: logical replication does not apply policies to what it sends.
-- Severity: NOTE. It may be there on purpose, to copy the database.
-- Fix: drop publication ...;
-- Controls: SOC 2 CC6.1
select 'RK-807', 'NOTE', 'objects', format('publication %s sends rows of app to others', p.pubname),
       'no policy applies', format('drop publication %I;', p.pubname), p.pubowner
  from pg_publication p
 where p.puballtables
    or exists (select from pg_publication_rel r join tables t on t.oid = r.prrelid where r.prpubid = p.oid)
    or exists (select from pg_publication_namespace n join schemas s on s.oid = n.pnnspid
                where n.pnpubid = p.oid and s.nspname = 'app')
