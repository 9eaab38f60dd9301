-- Lists tasks of the caller, most recently updated first. Reads all tasks of the caller by
-- tasks_pkey. The sort keeps only the page and the rows that offset skips.
--   $1 user_id   $2 filter on completed (null: no filter)   $3 text to find (empty: no filter)
--   $4 its decomposed form (null: the same)   $5 its literal form (null: one of these)
--   $6, $7 updated_at and id of the last task before the page (null: first page)   $8 limit   $9 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(title, $5) > 0 or strpos(description, $5) > 0
        -- With `offset 0` Postgres computes the capitals once, and not for each comparison.
        or exists (select
                     from (select upper(title       collate app.letters),
                                  upper(description collate app.letters) offset 0) capitals (title, description)
                    where strpos(capitals.title,       (select upper($3 collate app.letters))) > 0
                       or strpos(capitals.description, (select upper($3 collate app.letters))) > 0
                       or strpos(capitals.title,       (select upper($4 collate app.letters))) > 0
                       or strpos(capitals.description, (select upper($4 collate app.letters))) > 0
                       or strpos(capitals.title,       (select upper($5 collate app.letters))) > 0
                       or strpos(capitals.description, (select upper($5 collate app.letters))) > 0))
   and ($6::timestamptz is null or (updated_at, id) < ($6, $7))
 order by updated_at desc, id desc
 limit $8 offset $9
