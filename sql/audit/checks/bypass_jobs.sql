-- Looks for: jobs of pg_cron, pgAgent and pg_timetable that name app.
-- Why: a job runs as its role, without a person: a job of a superuser can copy the rows of all users each night.
-- Severity: NOTE. It may be there on purpose, such as a report. What this login cannot read has a line of its own.
-- Fix: select cron.unschedule(...); or its like.
-- Controls: SOC 2 CC6.3
select 'RK-617', 'NOTE', 'bypass',
       format('job %I in %s runs as %s (%s)', j.name, t.name, coalesce(quote_ident(j.role), 'the login of its agent'),
              left(md5(j.command), 8)),
       'it names app: ' || left(regexp_replace(j.command, E'\\s+', ' ', 'g'), 200), null, null::oid
  from readable_rows t
 cross join jsonb_array_elements(t.found) e (job)
 cross join lateral (
       -- Each of the three has other names for the columns.
       select coalesce(e.job ->> 'jobname', e.job ->> 'jobid', e.job ->> 'jstname', e.job ->> 'task_name', e.job ->> 'task_id') as name,
              coalesce(e.job ->> 'username', e.job ->> 'run_as') as role,
              coalesce(e.job ->> 'command', e.job ->> 'jstcode') as command,
              coalesce(e.job ->> 'database', nullif(e.job ->> 'jstdbname', ''), current_database()) as database) j
 where j.command ~* E'\\mapp\\M'
   and j.database = current_database()
