-- Looks for: the logins of requests: their role at the start, and their time-outs.
-- Why: a login that starts as rowkeep_api is restricted even before the first request. Time-outs end what is stuck.
-- Severity: NOTE if something is missing. The server sets both for itself in every session. OK otherwise.
-- Fix: alter role ... set role = 'rowkeep_api'; and the same for the time-outs. What is stored for the role in this database
--   hides what is stored for the role, so that the fix is for the same.
select 'RK-703', case when t.missing = '' and t.starts then 'OK' else 'NOTE' end, 'login',
       l.name || ' runs as rowkeep_api'
       || case when t.starts then ' from its first statement' else ' when the transaction of a request begins' end
       || coalesce('; not set: ' || nullif(t.missing, ''), ''),
       t.bounds,
       nullif(concat_ws(' ',
              t.start, t.fix), ''),
       1
  from logins l
 cross join lateral (
       select coalesce(bool_or(s.value = 'rowkeep_api') filter (where n.name = 'role'), false) as starts,
              coalesce(string_agg(n.name || ' ' || s.value, ', ' order by n.name)
                       filter (where n.name <> 'role' and s.value !~ '^0'), '') as bounds,
              coalesce(string_agg(n.name, ', ' order by n.name)
                       filter (where n.name <> 'role' and coalesce(s.value, '0') ~ '^0'), '') as missing,
              min(format('alter %s set role = %L;', coalesce(s.altered, 'role ' || l.name), n.value))
                       filter (where n.name = 'role' and s.value is distinct from n.value) as start,
              string_agg(format('alter %s set %s = %L;', coalesce(s.altered, 'role ' || l.name), n.name, n.value), ' ' order by n.name)
                       filter (where n.name <> 'role' and coalesce(s.value, '0') ~ '^0') as fix
         from (values ('role', 'rowkeep_api'), ('statement_timeout', '5s'), ('lock_timeout', '2s'),
                      ('idle_in_transaction_session_timeout', '10s')) n (name, value)
         left join lateral (
              select s.value, case when s.setrole = l.oid then s.altered end as altered
                from stored_settings s
               where s.name = n.name and s.setrole in (l.oid, 0)
               order by s.setrole <> 0 desc, s.setdatabase <> 0 desc
               limit 1) s on true) t
