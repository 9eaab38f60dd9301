-- What an adoption would do.
--   tasks, users    in the source; first_id and last_id are null if it is empty
--   first_user      the first user id, byte by byte
--   present         tasks of the source that app.tasks has already
--   backwards       tasks that were changed before they were created, by their time stamps
--   next_id         the lowest id that the next new task can get, now and after the adoption
--   problems        reasons why rows cannot be adopted, and broken: the rows that have one
select count(*)                                             as tasks,
       count(distinct a.user_id)                            as users,
       min(a.user_id)                                       as first_user,
       min(a.id)                                            as first_id,
       max(a.id)                                            as last_id,
       count(t.id)                                          as present,
       count(*) filter (where a.updated_at < a.created_at)  as backwards,
       (select last_value + is_called::integer from app.tasks_id_seq)
                                                            as next_id,
       (select greatest(s.last_value + s.is_called::integer, max(a.id) + 1, (select max(id) + 1 from app.tasks))
          from app.tasks_id_seq s)                          as next_id_then,
       (select count(*) from pg_temp.adopted_problems)      as problems,
       (select count(*)
          from pg_temp.adopted b
         where b.id is null
            or b.id in (select id from pg_temp.adopted_problems))
                                                            as broken
  from pg_temp.adopted a
  left join app.tasks t on t.user_id = a.user_id and t.id = a.id
