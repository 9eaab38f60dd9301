-- Tells which database of which cluster a connection leads to, and on which timeline a standby is. A connection asks it once,
-- and only where read replicas are configured. Everything is named in full: the login can have a search path of its own.
--   cluster    the same on the primary and on each of its standbys. Clusters that were copied as files share the first part:
--              the last one differs if they were migrated after that
--   timeline   null on the primary. PostgreSQL writes it down from time to time, so that it can be behind after a fail-over
--   is_distributed   whether other servers have a part of the data: the log of one of them says nothing about the rest
select pg_catalog.pg_is_in_recovery() as is_standby,
       pg_catalog.concat((select s.system_identifier from pg_catalog.pg_control_system() s), '/',
                         (select d.oid
                            from pg_catalog.pg_database d
                           where d.datname operator(pg_catalog.=) pg_catalog.current_database()), '/',
                         pg_catalog.encode(pg_catalog.sha256(app.cursor_key()), 'hex')) as cluster,
       case when pg_catalog.pg_is_in_recovery()
            then (select r.min_recovery_end_timeline from pg_catalog.pg_control_recovery() r) end as timeline,
       exists (select
                 from pg_catalog.pg_extension e
                where e.extname operator(pg_catalog.=) 'citus') as is_distributed
