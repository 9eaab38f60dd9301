-- Looks for: subscriptions of this database.
-- Why: a subscription writes rows here, and policies do not check them: its source decides what a user sees.
-- Severity: NOTE. Only a superuser, or a role that was given the right, can make one.
-- Fix: by hand: decide whether it is needed.
-- Controls: SOC 2 CC6.1
select 'RK-616', 'NOTE', 'bypass', format('subscription %I of %s writes rows here', b.subname, o.name),
       'no policy checks them', null, null::oid
  from pg_subscription b
  join pg_database d on d.oid = b.subdbid and d.datname = current_database()
  join roles o on o.oid = b.subowner
