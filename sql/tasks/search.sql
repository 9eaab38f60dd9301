-- Lists tasks of the caller that contain a text, newest first. Walks tasks_pkey backwards, from the id on, past
-- what does not contain it. Case does not matter; % and _ are themselves.
--   $1 user_id   $2 whether they are done (null: either)   $3 the text they contain (empty: any)
--   $4 the id before the first (2^63-1: from the newest on)   $5 limit   $6 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(lower(title), (select lower($3))) > 0
                or strpos(lower(description), (select lower($3))) > 0)
   and id < $4
 order by id desc
 limit $5 offset $6
