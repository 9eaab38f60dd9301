-- Looks for: what this login cannot read, and what therefore is not in this report.
-- Why: a report that does not mention what it has not seen looks like a clean one. From one database nobody, not even a
--   superuser, sees all of what another database of the cluster grants: a function there can read the files of this one.
-- Severity: NOTE. Run the audit as a superuser, or ask the administrator of the server.
-- Fix: none.
select 'RK-690', 'NOTE', 'bypass', 'not looked at: this login cannot read ' || string_agg(x.what, '; ' order by x.number),
       '', null, null::oid
  from (select 1, case when t.name ~ '^pg_catalog' then 'who is let in without a password (pg_hba.conf)' else 'the jobs of others in ' || t.name end
          from readable_rows t
         where t.hidden
         union all
        select 2, case when s.name is null then 'whether pg_cron has jobs in another database'
                       else format('the jobs of pg_cron, which are in database %I', s.setting) end
          from (values ('cron.database_name')) v (name)
          left join pg_settings s on s.name = v.name
         where s.setting <> current_database()
            or s.name is null and not pg_has_role('pg_read_all_settings', 'USAGE')
               and not exists (select from readable_rows t where t.name = 'cron.job' and (t.hidden or t.found <> '[]'))
         union all
        select 3, 'where subscriptions read from (pg_subscription)'
         where exists (select from pg_subscription b join pg_database d on d.oid = b.subdbid and d.datname = current_database())
           and not has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')
         union all
        select 4, 'as whom foreign servers are used (pg_user_mapping)'
         where exists (select from pg_foreign_server)
           and not has_table_privilege('pg_catalog.pg_user_mapping', 'SELECT')
         union all
        select 5, 'where foreign servers lead (' || string_agg(s.name, ', ' order by s.name collate "C") || ')'
          from foreign_servers s
         where s.leads = 'unknown'
        having count(*) > 0
         union all
        select 6, 'what other databases of this cluster grant to PUBLIC and on functions of extensions'
         where exists (select from pg_database b where b.datallowconn and b.datname <> current_database())) x (number, what)
having count(*) > 0
