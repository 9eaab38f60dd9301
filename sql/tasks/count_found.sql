-- Counts the tasks of the caller that contain a text. Reads all tasks of the caller, by tasks_pkey.
--   $1 user_id   $2 filter on completed (null: no filter)   $3 text to find (empty: no filter)
select count(*)
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(lower(title), (select lower($3))) > 0
                or strpos(lower(description), (select lower($3))) > 0)
