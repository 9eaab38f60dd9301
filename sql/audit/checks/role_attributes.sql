-- Looks for: the three roles of Rowkeep, and attributes that they must not have.
-- Why: a role with SUPERUSER or BYPASSRLS is not bound by policies. The others give it power over roles or data.
-- Severity: FAIL if a role is missing or has one of the attributes. OK otherwise.
-- Fix: alter role ... nologin ...; with the attributes that it has.
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-201', case when r.oid is null then 'FAIL' when p.powers = '' then 'OK' else 'FAIL' end, 'role',
       n.name || case when p.powers <> '' then ' ' || p.powers else '' end,
       case when r.oid is null then 'does not exist'
            when p.powers = '' and r.rolcanlogin then 'logs in from node to node, has no special attribute'
            when p.powers = '' then 'cannot log in, has no special attribute'
            else 'the roles of Rowkeep have no attribute' end,
       case when r.oid is null then 'rowkeep migrate'
            -- Only a superuser may name SUPERUSER, also to take away what is not there.
            -- Another database of this server can be distributed, and its nodes log in as this role.
            when p.powers = 'LOGIN' and n.name <> 'rowkeep_auditor' and current_setting('citus.shard_count', true) is not null
            then format('by hand, if no database of this server is distributed: alter role %s nologin;', n.name)
            when p.powers <> '' then format('alter role %s no%s;', n.name, replace(lower(p.powers), ', ', ' no')) end,
       case when r.rolsuper or r.rolbypassrls or r.rolreplication then '0'
            -- Since PostgreSQL 16 who takes CREATEDB away must have it.
            when r.rolcreatedb and current_setting('server_version_num')::integer >= 160000 then '0'
            when p.powers <> '' then 'admin ' || r.oid end
  from (values ('rowkeep_owner'), ('rowkeep_api'), ('rowkeep_auditor')) n (name)
  left join roles r on r.rolname = n.name
 cross join distribution d
 cross join lateral (
       select concat_ws(', ', case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                        -- The nodes of a distributed database act as these two.
                        case when r.rolcanlogin and not (d.is_distributed and n.name <> 'rowkeep_auditor') then 'LOGIN' end,
                        case when r.rolcreaterole then 'CREATEROLE' end,
                        case when r.rolcreatedb then 'CREATEDB' end,
                        case when r.rolreplication then 'REPLICATION' end) as powers) p
