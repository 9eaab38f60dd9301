-- Settings that are stored for a role or this database, so that a session can begin with them.
stored_settings as (
    select s.setrole, s.setdatabase, lower(split_part(c.setting, '=', 1)) as name,
           -- RESET needs the exact spelling of a name that has upper-case letters.
           case when split_part(c.setting, '=', 1) ~ '[A-Z]' then format('"%s"', split_part(c.setting, '=', 1))
                else split_part(c.setting, '=', 1) end as spelling,
           substr(c.setting, strpos(c.setting, '=') + 1) as value,
           case when s.setrole = 0 and s.setdatabase = 0 then 'every role'
                when s.setrole = 0 then format('database %I', d.datname)
                when s.setdatabase = 0 then format('role %I', r.rolname)
                else format('role %I in database %I', r.rolname, d.datname) end as holder,
           case when s.setrole = 0 and s.setdatabase = 0 then 'role all'
                when s.setrole = 0 then format('database %I', d.datname)
                when s.setdatabase = 0 then format('role %I', r.rolname)
                else format('role %I in database %I', r.rolname, d.datname) end as altered,
           -- Who can take it away: an administrator of roles, or the owner of the database. A setting of superusers needs one,
           -- and so does one that PostgreSQL does not know.
           case when not exists (select
                                   from pg_settings p
                                  where lower(p.name) = lower(split_part(c.setting, '=', 1)) and p.context = 'user')
                     and lower(split_part(c.setting, '=', 1)) not in ('role', 'session_authorization')
                  or s.setrole = 0 and s.setdatabase = 0 then '0'
                when s.setrole = 0 then d.datdba::text
                when r.rolsuper then '0'
                else 'admin ' || s.setrole end as fixer
      from pg_db_role_setting s
     cross join unnest(s.setconfig) c (setting)
      left join pg_roles r on r.oid = s.setrole
      left join pg_database d on d.oid = s.setdatabase
     where s.setdatabase = 0 or d.datname = current_database()
)
