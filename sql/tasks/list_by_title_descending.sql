-- Lists tasks of the caller, by title (by code point), then by id, both descending. Reads all tasks of the
-- caller by tasks_pkey. The sort keeps only the page and the rows that offset skips.
--   $1 user_id   $2 filter on completed (null: no filter)   $3 text to find (empty: no filter)
--   $4, $5 title and id of the last task before the page (null: first page)   $6 limit   $7 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(lower(title), (select lower($3))) > 0
                or strpos(lower(description), (select lower($3))) > 0)
   and ($4::text is null or (title collate "C", id) < ($4, $5))
 order by title collate "C" desc, id desc
 limit $6 offset $7
