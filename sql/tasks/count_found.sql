-- Counts the tasks of the caller that contain a text, among all of theirs by tasks_pkey.
--   $1 user_id   $2 whether they are done (null: either)   $3 the text they contain (empty: any)
select count(*)
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(lower(title), (select lower($3))) > 0
                or strpos(lower(description), (select lower($3))) > 0)
