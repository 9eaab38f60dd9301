-- Writes the statements that read the source. The names come from the catalogue and go through format(). User ids become
-- text as tokens carry them: numbers in decimal, UUIDs in lower case. A time without a zone is UTC.
--   rows    copies every task, with the columns of pg_temp.adopted
--   sums    copies the sums of each user, with the columns of pg_temp.adopted_sums
--   count   counts the tasks
--   $1 relation   $2 column of the user's id   $3 column that says whether a task is completed   $4 text of sums.sql
with moments (name, value) as (
    select a.attname,
           format(case coalesce(nullif(t.typbasetype, 0), t.oid) when 'timestamp'::regtype then '%I at time zone ''UTC'''
                                                                 else '%I::timestamptz' end, a.attname)
      from pg_attribute a
      join pg_type t on t.oid = a.atttypid
     where a.attrelid = $1
       and a.attname in ('created_at', 'updated_at')
       and not a.attisdropped
), columns as (
    select exists (select
                     from pg_attribute
                    where attrelid = $1
                      and attname = 'description'
                      and not attisdropped)                     as described,
           (select value from moments where name = 'created_at') as created_at,
           (select value from moments where name = 'updated_at') as updated_at
), tasks (query) as (
    select format('select id::bigint, %I::text collate "C", title::text, %s::text, %I::boolean, %s, %s from %I.%I',
                  $2::text, case when described then 'description' else 'null' end, $3::text,
                  created_at, case when updated_at is null then created_at
                                   else format('coalesce(%s, %s)', updated_at, created_at) end,
                  n.nspname, c.relname)
      from columns, pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = $1
)
select format('copy (%s) to stdout (format binary)', query) as rows,
       format('copy (with adopted (id, user_id, title, description, completed, created_at, updated_at) as (%s) %s) '
              'to stdout (format binary)', query, $4::text)  as sums,
       (select format('select count(*) from %I.%I', n.nspname, c.relname)
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where c.oid = $1)                                   as count
  from tasks
