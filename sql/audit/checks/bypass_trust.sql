-- Looks for: lines of pg_hba.conf that let in connections from other machines without a password (trust).
-- Why: everybody who reaches the server can log in as each role of that line, so also as a superuser.
-- Severity: NOTE. The network may be closed to others. Lines for this machine alone are left out.
-- Fix: by hand: scram-sha-256 in that line, then select pg_reload_conf();
-- Controls: SOC 2 CC6.1
select 'RK-621', 'NOTE', 'bypass',
       format('pg_hba.conf lets %s in from %s without a password', array_to_string(h.users, ', '), h.line ->> 'address'),
       'everybody who reaches the server there can be each of these roles',
       format('by hand: write scram-sha-256 in line %s of %s', h.line ->> 'line_number',
              coalesce(h.line ->> 'file_name', 'pg_hba.conf')), null::oid
  from (select j.line, array(select jsonb_array_elements_text(j.line -> 'user_name')) as users,
               array(select jsonb_array_elements_text(j.line -> 'database')) as databases
          from readable_rows t
         cross join jsonb_array_elements(t.found) j (line)
         where t.name = 'pg_catalog.pg_hba_file_rules'
           and j.line ->> 'auth_method' = 'trust'
           and j.line ->> 'type' ~ '^host'
           and j.line ->> 'address' !~ '^(127\.|::1|localhost$|samehost$)') h
 where h.databases && array['all', 'replication', current_database()::text]
