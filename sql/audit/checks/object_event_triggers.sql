-- Looks for: event triggers.
-- Why: an event trigger runs code in every transaction that changes the schema, so also in a migration.
-- Severity: NOTE, because only a superuser can make one. OK if it is disabled.
-- Fix: by hand: decide whether it is needed.
select 'RK-806', case when e.evtenabled = 'D' then 'OK' else 'NOTE' end, 'objects',
       format('event trigger %s runs %s', e.evtname, e.evtfoid::regprocedure), '', null, null
  from pg_event_trigger e
 -- Those of extensions, and the one of sql/scale/citus_worker.sql.
 where not exists (select from pg_depend d
                    where d.classid = 'pg_event_trigger'::regclass and d.objid = e.oid and d.deptype = 'e')
   and not exists (select from pg_proc f
                    where f.oid = e.evtfoid and e.evtname = 'rowkeep_keep_fence' and md5(f.prosrc) = '5708d3a25b8f63b06b1c2e59a1e98cb3')
