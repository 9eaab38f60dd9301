-- Looks for: event triggers.
-- Why: an event trigger runs code in every transaction that changes the schema, so also in a migration.
-- Severity: NOTE, because only a superuser can make one. OK if it is disabled.
-- Fix: by hand: decide whether it is needed.
select 'RK-806', case when e.evtenabled = 'D' then 'OK' else 'NOTE' end, 'objects',
       format('event trigger %s runs %s', e.evtname, e.evtfoid::regprocedure), '', null, null
  from pg_event_trigger e
