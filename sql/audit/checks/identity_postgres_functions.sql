-- Looks for: functions, operators and casts of pg_catalog that are not those of initdb.
-- Why: the identity functions and the policies call them. A replaced operator can say that all users are equal.
-- Severity: FAIL. Only a superuser can replace them, and nothing that depends on them can be trusted.
-- Fix: by hand: restore them.
-- Controls: SOC 2 CC7.1
select 'RK-406', 'FAIL', 'identity', o.name, 'not the one that PostgreSQL installs',
       'by hand: restore it', null
  from (select 'pg_catalog.' || f.oid::regprocedure as name
          from pg_proc f
          join pg_language l on l.oid = f.prolang
         where f.pronamespace = 'pg_catalog'::regnamespace
           and f.proname in ('current_setting', 'set_config', 'format', 'texteq', 'textne', 'bttextcmp', 'hashtext',
                             'hashtextextended', 'clock_timestamp')
           -- Not its transaction: a DBA may have granted or revoked it.
           and (f.oid >= 16384 or l.lanname <> 'internal' or f.prosecdef or f.proconfig is not null
                or (f.proname, f.prosrc, f.provolatile) not in (values
                       ('current_setting', 'show_config_by_name', 's'),
                       ('current_setting', 'show_config_by_name_missing_ok', 's'), ('set_config', 'set_config_by_name', 'v'),
                       ('format', 'text_format', 's'), ('format', 'text_format_nv', 's'), ('texteq', 'texteq', 'i'),
                       ('textne', 'textne', 'i'), ('bttextcmp', 'bttextcmp', 'i'), ('hashtext', 'hashtext', 'i'),
                       ('hashtextextended', 'hashtextextended', 'i'), ('clock_timestamp', 'clock_timestamp', 'v')))
         union all
        select 'operator pg_catalog.' || x.oid::regoperator
          from pg_operator x
         where x.oprnamespace = 'pg_catalog'::regnamespace
           and (x.oid >= 16384 or x.xmin <> '1')
           -- An extension may add operators for its own types.
           and not (greatest(x.oprleft, x.oprright) >= 16384
                    and exists (select from extension_members m where m.classid = 'pg_operator'::regclass and m.objid = x.oid))
         union all
        select 'the cast from ' || c.castsource::regtype || ' to ' || c.casttarget::regtype
          from pg_cast c
         where c.oid < 16384 and c.xmin <> '1') o
