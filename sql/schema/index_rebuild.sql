-- How many rows app.tasks has, about, and how many seconds it takes to build its three indexes anew: three seconds for a
-- million rows, as measured. No row: there is no such table. Reads catalogues only.
select r.number::bigint as rows, ceil(3 * r.number / 1000000)::bigint as seconds
  from pg_class c
 cross join lateral (
       -- As the planner does: rows for each page when the table was last analyzed. Without that, a row is 120 bytes.
       select case when c.relpages > 0 and c.reltuples >= 0
                   then c.reltuples / c.relpages * pg_relation_size(c.oid) / current_setting('block_size')::integer
                   else pg_relation_size(c.oid) / 120 end::float8 as number) r
 where c.oid = to_regclass('app.tasks')
