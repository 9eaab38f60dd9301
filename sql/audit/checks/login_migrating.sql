-- Looks for: the logins that migrate, and what keeps them from it.
-- Why: `rowkeep migrate` acts as rowkeep_owner. If another role is stored for the login, its sessions start as that role and
--   cannot; with NOINHERIT they do not have its privileges.
-- Severity: OK if it can migrate. NOTE if something prevents it.
-- Fix: alter role ... reset role; or alter role ... inherit;
-- Controls: SOC 2 CC6.3
select 'RK-709', case when p.problem is null then 'OK' else 'NOTE' end, 'login', concat_ws(': ', l.name || ' migrates', p.problem),
       case when p.problem is null then 'it can act as rowkeep_owner, and no stored role prevents it' end, p.fix, 'admin ' || l.oid
  from migrating_logins l
  left join lateral (
       select string_agg(x.problem, '; ') as problem, string_agg(x.fix, ' ') as fix
         from (select format('%s stores role = %s: its sessions start as that role and cannot migrate', s.holder, s.value),
                      format('by hand: alter %s reset role; or let another login migrate', s.altered)
                 from stored_settings s
                where s.name = 'role' and s.setrole = l.oid
                union all
               select 'it can make roles and use rowkeep_api, but it is not a member of rowkeep_owner', null
                where l.oid not in (select u.role from can_use u join roles o on o.oid = u.other and o.rolname = 'rowkeep_owner')
                  and (current_setting('server_version_num')::integer >= 160000 or not l.rolcreaterole)
                union all
               select 'it is NOINHERIT, and does not have the privileges of rowkeep_owner', format('alter role %s inherit;', l.name)
                where not l.rolinherit
                  and not exists (select from roles o where o.rolname = 'rowkeep_owner' and pg_has_role(l.oid, o.oid, 'USAGE'))) x (problem, fix)) p on true
