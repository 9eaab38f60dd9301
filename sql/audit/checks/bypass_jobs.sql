-- Looks for: jobs of pg_cron, pgAgent, pg_timetable and TimescaleDB that name app, or call a function whose text names it.
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

-- The functions outside app; none is read where no job is.
functions as materialized (
    select f.oid, f.proname, f.text, f.proconfig,
           '\m' || regexp_replace(f.proname, '([^A-Za-z0-9_])', '\\\1', 'g') || '\M' as word
      from (select p.oid, p.proname::text, p.proconfig, concat(p.prosrc, pg_get_function_sqlbody(p.oid)) as text
              from pg_proc p
             where p.oid >= 16384
               and p.pronamespace not in (select oid from schemas)
               and exists (select from jobs)
            offset 0) f
),

-- Those that name app, and those that call them.
naming (oid) as (
    select f.oid from functions f where f.text ~* '\m(app|rowkeep)"?\s*\.' or f.proconfig::text ~* '=[^=]*\mapp\M'
    union
    select f.oid
      from naming n
      join functions c on c.oid = n.oid
      join functions f on strpos(lower(f.text), lower(c.proname)) > 0 and f.text ~* c.word
)

select 'RK-617', 'NOTE', 'bypass',
       format('job %I in %s runs as %s (%s)', j.name, j.source, coalesce(quote_ident(j.role), 'the login of its agent'),
              left(md5(j.command || coalesce(c.texts, '')), 8)),
       case when j.command ~* '\mapp\M' then 'it names app: ' else format('it calls %s, which names app: ', c.names) end
       || left(regexp_replace(j.command, '\s+', ' ', 'g'), 200), null, null::oid
  from jobs j
 cross join lateral (
       select string_agg(f.oid::regprocedure::text, ', ' order by f.oid::regprocedure::text) as names,
              string_agg(f.text, ',' order by f.oid::regprocedure::text) as texts
         from naming n
         join functions f on f.oid = n.oid
        where strpos(lower(j.command), lower(f.proname)) > 0 and j.command ~* f.word) c
 where j.command ~* '\mapp\M' or c.names is not null
