-- Looks for: the logins that migrate, and what keeps them from it.
-- Why: `rowkeep migrate` acts as rowkeep_owner. If another role is stored for the login, for the database or for all logins, its
--   sessions start as that role and cannot. It needs the privileges of rowkeep_owner and rowkeep_api (INHERIT) and SET ROLE
--   rowkeep_owner, or ADMIN to grant them to itself. CREATE on the database is needed for the first migration alone.
-- Severity: OK if it can migrate. NOTE if something prevents it.
-- Fix: alter role ... reset role; alter role ... inherit; or grant rowkeep_owner to ...;
-- Controls: SOC 2 CC6.3
select 'RK-709', case when p.problem is null then 'OK' else 'NOTE' end, 'login', concat_ws(': ', l.name || ' migrates', p.problem),
       case when p.problem is null then 'it can act as rowkeep_owner, and no stored role prevents it' end, p.fix, 'admin ' || l.oid
  from migrating_logins l
 cross join (select current_setting('server_version_num')::integer >= 160000 as since_16) v
  left join lateral (
       select string_agg(x.problem, '; ' order by x.number, x.problem) as problem,
              case when bool_or(x.by_hand) then 'by hand: ' else '' end
              || string_agg(x.fix, ' ' order by x.number, x.problem) filter (where x.again = 1) as fix
         from (select y.*, row_number() over (partition by y.fix order by y.number, y.problem) as again
                 from (select 1, format('%s stores role = %s: its sessions start as that role and cannot migrate', s.holder, s.value),
                              format('alter %s reset role; or let another login migrate', s.altered), true
                         from stored_settings s
                        where s.name = 'role' and s.setrole = l.oid
                        union all
                       -- Its own setting hides that of the database, which hides that of all logins. PostgreSQL ignores a role that the
                       -- login may not take on.
                       select 1, format('%s stores role = %s: its sessions start as that role and cannot migrate', s.holder, s.value),
                              format('set role none; alter %s reset role;', s.altered), true
                         from (select s.*
                                 from stored_settings s
                                where s.name = 'role' and s.setrole in (l.oid, 0)
                                order by s.setrole = 0, s.setdatabase = 0
                                limit 1) s
                         join roles o on o.rolname = s.value
                        where s.setrole = 0 and o.oid <> l.oid
                          and pg_has_role(l.oid, o.oid, case when v.since_16 then 'SET' else 'MEMBER' end)
                        union all
                       select 2,
                              case when not w.member then format('it is not a member of %s', o.name)
                                   when w.inherits then 'it may not SET ROLE rowkeep_owner'
                                   when l.rolinherit then format('it does not have the privileges of %s', o.name)
                                   else format('it is NOINHERIT, and does not have the privileges of %s', o.name) end,
                              -- The login of another program can own something in app, and needs no such power.
                              case when not w.member and o.rolname = 'rowkeep_owner' then null
                                   when v.since_16 then format('grant %s to %s with inherit true, set true;', o.name, l.name)
                                   when l.rolinherit then format('grant %s to %s;', o.name, l.name)
                                   when w.member then format('alter role %s inherit;', l.name) end, false
                         from roles o
                        cross join lateral (
                              select pg_has_role(l.oid, o.oid, 'USAGE') as inherits,
                                     pg_has_role(l.oid, o.oid, 'MEMBER') as member,
                                     -- As sql/schema/roles.sql does.
                                     l.rolinherit
                                     and (not v.since_16 and l.rolcreaterole
                                          or exists (select
                                                       from memberships m
                                                      where m.roleid = o.oid and m.admin_option
                                                        and pg_has_role(l.oid, m.member, case when v.since_16 then 'USAGE' else 'MEMBER' end)))
                                     as grants) w
                        where o.rolname in ('rowkeep_owner', 'rowkeep_api')
                          and (not w.inherits and not w.grants
                               or w.inherits and v.since_16 and o.rolname = 'rowkeep_owner' and not pg_has_role(l.oid, o.oid, 'SET'))
              ) y (number, problem, fix, by_hand)) x) p on true
