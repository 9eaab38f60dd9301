-- Writes the query that compares app.tasks with the sums of the source. It returns the users whose tasks or checksums differ.
--   $1 text of sums.sql
select format('with adopted as (select t.id, t.user_id, t.title, t.description, t.completed, t.created_at, t.updated_at
                                  from app.tasks t
                                  join pg_temp.adopted a on a.user_id = t.user_id and a.id = t.id),
                    found as (%s)
               select count(*)
                 from found f
                 full join pg_temp.adopted_sums s on s.user_id = f.user_id
                where (f.tasks, f.checksum) is distinct from (s.tasks, s.checksum)', $1::text) as query
