-- Lists tasks of the caller, last changed first.
-- A sort of what tasks_pkey finds of theirs, which keeps no more than the page (and what is left out before it).
--   $1 user_id   $2 whether they are done (null: either)   $3 the text they contain (empty: any)
--   $4, $5 updated_at and id before the first (null: from the first on)   $6 limit   $7 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(lower(title), (select lower($3))) > 0
                or strpos(lower(description), (select lower($3))) > 0)
   and ($4::timestamptz is null or (updated_at, id) < ($4, $5))
 order by updated_at desc, id desc
 limit $6 offset $7
