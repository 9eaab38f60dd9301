-- Foreign servers, and where they lead, as far as their options tell: 'here' is this database, 'elsewhere' another one. 'unknown'
-- is a database of this name on a host that may be this one, or a server whose options do not name its database. dblink uses
-- servers of wrappers without a handler. `others`: PUBLIC
-- or a login of requests has a user mapping.
foreign_servers (oid, name, owner, acl, leads, others) as (
    select s.oid, quote_ident(s.srvname), s.srvowner, s.srvacl,
           case when o.service or o.dbname is null and coalesce(f.proname, 'dblink') in ('dblink', 'postgres_fdw_handler') then 'unknown'
                when lower(o.dbname) is distinct from lower(current_database()) then 'elsewhere'
                when o.host is null
                     or exists (select
                                  from regexp_split_to_table(o.host, ',') h (host)
                                 where h.host ~* '^(localhost|127[.]|::1|0[.]0[.]0[.]0|/|@|$)'
                                    or h.host = host(inet_server_addr())
                                    or h.host = any (regexp_split_to_array(current_setting('listen_addresses'), '\s*,\s*')))
                then 'here' else 'unknown' end,
           exists (select from pg_user_mappings m
                    where m.srvid = s.oid and (m.umuser = 0 or m.umuser in (select oid from serving_roles)))
      from pg_foreign_server s
      join pg_foreign_data_wrapper w on w.oid = s.srvfdw
      left join pg_proc f on f.oid = w.fdwhandler
     cross join lateral (
           select min(x.option_value) filter (where x.option_name = 'dbname') as dbname,
                  min(x.option_value) filter (where x.option_name in ('host', 'hostaddr')) as host,
                  count(*) filter (where x.option_name = 'service') > 0 as service
             from pg_options_to_table(s.srvoptions) x) o
)
