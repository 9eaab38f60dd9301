-- Looks for: lines of pg_hba.conf that let in connections from other machines without a password: trust, and ident, which asks
--   the other machine who it is.
-- Why: everybody who reaches the server can log in as each role of that line, so also as a superuser.
-- Severity: NOTE. The network may be closed to others. Lines for this machine alone are left out. A netmask decides which those
--   are: 127.0.0.1/0 lets in every machine.
-- Fix: by hand: scram-sha-256 in that line, then select pg_reload_conf();
-- Controls: SOC 2 CC6.1
select 'RK-621', 'NOTE', 'bypass',
       format('pg_hba.conf lets %s in from %s without a password%s', array_to_string(h.users, ', '), h.origin,
              case h.line ->> 'auth_method' when 'ident' then ' (ident)' else '' end),
       case h.line ->> 'auth_method' when 'ident' then 'the other machine says who they are, and can lie'
            else 'everybody who reaches the server there can be each of these roles' end,
       format('by hand: write scram-sha-256 in line %s of %s', h.line ->> 'line_number',
              coalesce(h.line ->> 'file_name', 'pg_hba.conf')), null::oid
  from (select j.line, array(select jsonb_array_elements_text(j.line -> 'user_name')) as users,
               array(select jsonb_array_elements_text(j.line -> 'database')) as databases,
               concat_ws('/', j.line ->> 'address', j.line ->> 'netmask') as origin
          from readable_rows t
         cross join jsonb_array_elements(t.found) j (line)
         where t.name = 'pg_catalog.pg_hba_file_rules'
           and j.line ->> 'auth_method' in ('trust', 'ident')
           and j.line ->> 'type' ~ '^host') h
 where h.origin !~ '^(127\.[0-9.]+/255\.[0-9.]+|::1/ffff(:ffff){7}|localhost|samehost)$'
   -- A regular expression (/...) from PostgreSQL 16 on, and a database that depends on the role, can mean this database.
   and exists (select
                 from unnest(h.databases) d (name)
                where d.name in ('all', 'replication', 'sameuser', 'samerole', 'samegroup', current_database()) or d.name ~ '^/')
