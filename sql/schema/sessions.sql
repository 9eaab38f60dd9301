-- Describes sessions for an error or the log. Null: none of them is there any more. PostgreSQL shows the address and the
-- times of another login's sessions only to members of pg_read_all_stats and to superusers.
--   $1 their process ids; 0 is a prepared transaction
select string_agg(
           case when p.process_id = 0 then 'a prepared transaction (see pg_prepared_xacts)'
                else concat_ws(', ',
                         'process ' || a.pid,
                         'login ' || quote_ident(a.usename),
                         'application ' || quote_literal(nullif(a.application_name, '')),
                         case when a.client_port = -1 then 'on this machine'
                              else 'from ' || host(a.client_addr) end,
                         'since ' || to_char(coalesce(a.xact_start, a.backend_start) at time zone 'UTC',
                                             'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
           end, '; ' order by p.process_id) as sessions
  from unnest($1::int[]) p (process_id)
  left join pg_stat_activity a on a.pid = p.process_id
 where p.process_id = 0 or a.pid is not null
