-- Stored settings that change how statements run or what is logged. checks/settings_stored.sql and
-- checks/server_logged_values.sql report them.
reported_settings as (
    select s.*
      from stored_settings s
     where s.name = 'session_replication_role' and s.value <> 'origin'
        or s.name in ('row_security', 'search_path', 'session_preload_libraries', 'local_preload_libraries',
                      'default_transaction_read_only', 'check_function_bodies', 'session_authorization')
        or s.name ~ '^(log_(statement|min_duration|parameter|transaction|duration)|auto_explain[.]|pgaudit[.]|debug_print_)'
        -- A login of requests starts as rowkeep_api; with a setting for all, so do the logins that migrate.
        or s.name = 'role' and (s.value <> 'rowkeep_api' or s.setrole = 0)
)
