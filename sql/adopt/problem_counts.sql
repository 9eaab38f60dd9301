-- How many rows of the source have each problem.
select problem, count(*) as rows from pg_temp.adopted_problems group by problem order by 2 desc, 1
