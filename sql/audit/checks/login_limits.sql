-- Looks for: the logins of requests: their role at the start, and their time-outs.
-- Why: a login that starts as rowkeep_api is restricted even before the first request. Time-outs end what is stuck.
--   PostgreSQL ignores a stored role that the login may not take on.
-- Severity: NOTE if something is missing. The server sets both for itself in every session. OK otherwise.
-- Fix: alter role ... set role = 'rowkeep_api'; and the same for the time-outs. What is stored for the role in this database
--   hides what is stored for the role, so that the fix is for the same. A login that is no member of rowkeep_api: grant
--   rowkeep_api to ...;
select 'RK-703', case when t.missing = '' and t.starts and m.may_set then 'OK' else 'NOTE' end, 'login',
       l.name
       || case when not m.may_set then ' cannot become rowkeep_api' || case when t.starts then ', which is stored as its role' else '' end
               when t.starts then ' runs as rowkeep_api from its first statement'
               else ' runs as rowkeep_api when the transaction of a request begins' end
       || coalesce('; not set: ' || nullif(t.missing, ''), ''),
       concat_ws('; ', case when not m.may_set then 'requests through it fail' end, nullif(t.bounds, '')),
       case when m.may_set
            then nullif(concat_ws(' ',
                 -- It can be the login of a person: RK-605 says what that means.
                 case when t.start <> '' and l.oid not in (select oid from serving_login)
                           and not exists (select
                                             from stored_settings s
                                            where s.setrole = l.oid and s.name ~ '^(role|(statement|lock|idle_in_transaction_session)_timeout)$')
                      then 'by hand: if it serves requests,' end,
                 t.start, t.fix), '')
            else format('by hand: if it serves requests, grant rowkeep_api to %s%s; else take away its stored role and its memberships',
                        l.name, case when current_setting('server_version_num')::integer >= 160000 then ' with set true' end) end,
       'admin ' || l.oid
  from logins l
 cross join lateral (
       select exists (select
                        from roles o
                       where o.rolname = 'rowkeep_api'
                         and pg_has_role(l.oid, o.oid, case when current_setting('server_version_num')::integer >= 160000 then 'SET'
                                                            else 'MEMBER' end)) as may_set) m
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
