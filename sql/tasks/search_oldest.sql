-- Lists tasks of the caller that contain a text, oldest first. Reads tasks_pkey from the bound and skips the other
-- tasks. Case does not matter; % and _ have no special meaning.
--   $1 user_id   $2 filter on completed (null: no filter)   $3 text to find (empty: no filter)
--   $4 exclusive lower bound of id (0: from the oldest)   $5 limit   $6 offset
select id, user_id, title, description, completed, created_at, updated_at
  from app.tasks
 where user_id = $1
   and ($2::boolean is null or completed = $2)
   and ($3 = '' or strpos(lower(title), (select lower($3))) > 0
                or strpos(lower(description), (select lower($3))) > 0)
   and id > $4
 order by id
 limit $5 offset $6
