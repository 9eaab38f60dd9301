-- Inserts the tasks that app.tasks does not have, with their ids and time stamps.
insert into app.tasks (id, user_id, title, description, completed, created_at, updated_at)
       overriding system value
select a.id, a.user_id, a.title, a.description, a.completed, a.created_at, a.updated_at
  from pg_temp.adopted a
 where not exists (select
                     from app.tasks t
                    where t.user_id = a.user_id
                      and t.id = a.id)
 order by a.id
