-- Looks for: functions, operators and casts of pg_catalog that are not those of initdb.
-- Why: the identity functions and the policies call them. A replaced operator can say that all users are equal.
-- Severity: FAIL. Only a superuser can replace them, and nothing that depends on them can be trusted.
-- Fix: by hand: restore them.
select 'RK-406', 'FAIL', 'identity', o.name, 'not the one that PostgreSQL installs',
       'by hand: restore it', null
  from (select 'pg_catalog.' || f.oid::regprocedure as name
          from pg_proc f
         where f.pronamespace = 'pg_catalog'::regnamespace
           and f.proname in ('current_setting', 'set_config', 'format', 'texteq', 'clock_timestamp')
           and (f.oid >= 16384 or f.xmin <> '1')
         union all
        select 'operator pg_catalog.' || x.oid::regoperator
          from pg_operator x
         where x.oprnamespace = 'pg_catalog'::regnamespace
           and (x.oid >= 16384 or x.xmin <> '1')
         union all
        select 'the cast from ' || c.castsource::regtype || ' to ' || c.casttarget::regtype
          from pg_cast c
         where c.oid < 16384 and c.xmin <> '1') o
