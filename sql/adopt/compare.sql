-- Notes every row of the source that a task of app.tasks is in the way of. Such a task is never overwritten.
insert into pg_temp.adopted_problems
select a.id, 'a task of another user has this id in Rowkeep'
  from pg_temp.adopted a
  join app.tasks t on t.id = a.id
 where t.user_id <> a.user_id
 union all
select a.id, 'the task is in Rowkeep with other content: it was changed here or there'
  from pg_temp.adopted a
  join app.tasks t on t.user_id = a.user_id and t.id = a.id
 where (t.title, t.description, t.completed, t.created_at, t.updated_at)
       is distinct from (a.title, a.description, a.completed, a.created_at, a.updated_at)
