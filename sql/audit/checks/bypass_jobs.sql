-- Looks for: jobs of pg_cron, pgAgent, pg_timetable and TimescaleDB that name app, or call a function that does.
-- Why: a job runs as its role, without a person: a job of a superuser can copy the rows of all users each night.
-- Severity: NOTE. It may be there on purpose, such as a report. What this login cannot read has a line of its own.
-- Fix: select cron.unschedule(...); or its like.
-- Controls: SOC 2 CC6.3
with recursive jobs as materialized (
    select t.name as source, j.*
      from readable_rows t
     cross join jsonb_array_elements(t.found) e (job)
     cross join lateral (
           -- Each of them has other names for the columns.
           select coalesce(e.job ->> 'jobname', e.job ->> 'jobid', e.job ->> 'jstname', e.job ->> 'task_name', e.job ->> 'task_id',
                           e.job ->> 'application_name') as name,
                  coalesce(e.job ->> 'username', e.job ->> 'run_as', e.job ->> 'owner') as role,
                  coalesce(e.job ->> 'command', e.job ->> 'jstcode',
                           format('call %I.%I(%s)', e.job ->> 'proc_schema', e.job ->> 'proc_name', e.job ->> 'config')) as command,
                  coalesce(e.job ->> 'database', nullif(e.job ->> 'jstdbname', ''), current_database()) as database) j
     where t.name <> 'pg_catalog.pg_hba_file_rules'
       and j.database = current_database()
),

-- The functions outside app that a job calls by name, and those that these call. None is read where no job is.
functions as materialized (
    select p.oid, lower(p.proname) as name
      from pg_proc p
     where p.oid >= 16384
       and p.pronamespace not in (select oid from schemas)
       and exists (select from jobs)
),

called (command, oid, text) as (
    select distinct j.command, null::oid, lower(j.command) from jobs j
    union
    select c.command, f.oid, t.text
      from called c
      join functions f on strpos(c.text, f.name) > 0
                      and c.text ~ ('\m' || regexp_replace(f.name, '([^a-z0-9_])', '\\\1', 'g') || '\M')
     cross join lateral (
           select lower(concat(p.prosrc, pg_get_function_sqlbody(p.oid), p.proconfig) collate "default") as text
             from pg_proc p
            where p.oid = f.oid) t
)

select 'RK-617', 'NOTE', 'bypass',
       format('job %I in %s runs as %s (%s)', j.name, j.source, coalesce(quote_ident(j.role), 'the login of its agent'),
              left(md5(j.command || coalesce(c.texts, '')), 8)),
       case when j.command ~* '\mapp\M' then 'it names app: ' else format('it leads to %s, which names app: ', c.names) end
       || left(regexp_replace(j.command, '\s+', ' ', 'g'), 200), null, null::oid
  from jobs j
 cross join lateral (
       select string_agg(f.oid::regprocedure::text, ', ' order by f.oid::regprocedure::text) as names,
              string_agg(f.text, ',' order by f.oid::regprocedure::text) as texts
         from called f
        where f.command = j.command and f.oid is not null
          and f.text ~ '\m(app|rowkeep)"?\s*\.|search_path=[^=]*\mapp\M') c
 where j.command ~* '\mapp\M' or c.names is not null
