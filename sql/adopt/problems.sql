-- The reasons why rows of the source cannot be adopted, by id.
--   $1 how many at most
select id, problem from pg_temp.adopted_problems order by id nulls first, problem limit $1
