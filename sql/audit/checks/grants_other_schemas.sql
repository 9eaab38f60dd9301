-- Looks for: privileges of requests, auditors and PUBLIC on tables and views outside app and rowkeep.
-- Why: a copy of users' rows can be there, and no policy of app binds it.
-- Severity: FAIL for the roles of Rowkeep, one line for each object. NOTE for PUBLIC and for a login of requests, one line for
--   each of them, because other applications need it.
-- Fix: revoke all on ... from ...;
-- Controls: CIS 4.6; SOC 2 CC6.3
select 'RK-505', 'FAIL', 'grants',
       format('%s on %s to %s', string_agg(distinct g.privilege, ', ' order by g.privilege), g.name, g.receiver),
       'no policy of app applies to it', format('revoke all on %s from %s;', g.name, g.receiver), g.owner
  from granted_elsewhere g
 where g.ours
 group by g.name, g.owner, g.receiver
union all
select 'RK-505', 'NOTE', 'grants',
       format('%s on %s of other schemas to %s (%s)', string_agg(distinct g.privilege, ', ' order by g.privilege),
              case count(distinct g.name) when 1 then 'one table or view' else count(distinct g.name) || ' tables and views' end,
              g.receiver,
              left(md5(string_agg(g.privilege || ' ' || g.name, ', ' order by g.name collate "C", g.privilege)), 8)),
       'no policy of app applies to them: '
       || (select string_agg(n.name, ', ' order by n.name collate "C")
             from (select distinct x.name from granted_elsewhere x where x.receiver = g.receiver order by x.name limit 5) n)
       || case when count(distinct g.name) > 5 then ', ...' else '' end,
       null, null
  from granted_elsewhere g
 where not g.ours
 group by g.receiver
