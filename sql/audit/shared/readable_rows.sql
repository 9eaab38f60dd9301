-- The rows of tables that may not be there, or that this login may not read, so that no statement here can name them.
-- `hidden`: this login does not see all of them. Only a table of a superuser is read: a view of somebody else could call any
-- function, as the person who audits. ts_stat() runs a text, as in sql/audit/shared/optional.sql.
readable_rows (name, hidden, found) as (
    select o.name, o.oid is not null and (not r.readable or row_security_active(o.oid)),
           coalesce((select string_agg(substr(w.word, 9), '' order by w.word collate "C")::jsonb
                       from ts_stat(case when r.readable
                                         then replace('select array_to_tsvector(array[lpad(n::text, 8, ''0'')
                                                                                     || substr(j.rows, 1 + 400 * n, 400)])
                                                        from (select jsonb_agg(to_jsonb(t))::text as rows from SOURCE t) j,
                                                             generate_series(0, (length(j.rows) - 1) / 400) n', 'SOURCE', o.name)
                                         else 'select null::tsvector where false' end) w), '[]')
      from (select format('%I.%I', v.nspname, v.relname) as name, s.oid as nspoid, c.oid, c.relkind, w.rolsuper
              from (values ('cron', 'job'), ('pgagent', 'pga_jobstep'), ('timetable', 'task'),
                           ('_timescaledb_config', 'bgw_job'), ('_timescaledb_catalog', 'bgw_job'),
                           ('pg_catalog', 'pg_hba_file_rules')) v (nspname, relname)
              left join (pg_class c join pg_namespace s on s.oid = c.relnamespace join roles w on w.oid = c.relowner)
                     on s.nspname = v.nspname and c.relname = v.relname) o
     cross join lateral (
           select coalesce((o.relkind = 'r' or o.nspoid = 'pg_catalog'::regnamespace) and o.rolsuper
                           and has_schema_privilege(o.nspoid, 'USAGE') and has_table_privilege(o.oid, 'SELECT')
                           and (o.nspoid <> 'pg_catalog'::regnamespace
                                or has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')), false)) r (readable)
)
