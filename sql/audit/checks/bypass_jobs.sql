-- Looks for: jobs of pg_cron that name app.
-- Why: a job runs as its role, without a person: a job of a superuser can copy the rows of all users each night.
-- Severity: NOTE. It may be there on purpose, such as a report. What this login cannot read has a line of its own.
-- Fix: select cron.unschedule(...);
select 'RK-617', 'NOTE', 'bypass',
       format('job %s of pg_cron runs as %I (%s)', coalesce(quote_ident(j.job ->> 'jobname'), j.job ->> 'jobid'),
              j.job ->> 'username', left(md5(j.job ->> 'command'), 8)),
       'it names app: ' || left(regexp_replace(j.job ->> 'command', E'\\s+', ' ', 'g'), 200),
       format('select cron.unschedule(%s);', j.job ->> 'jobid'), to_regrole(quote_ident(j.job ->> 'username'))::oid
  from readable_rows t
 cross join jsonb_array_elements(t.found) j (job)
 where t.name = 'cron.job'
   and j.job ->> 'command' ~* E'\\mapp\\M'
   and coalesce(j.job ->> 'database', current_database()) = current_database()
