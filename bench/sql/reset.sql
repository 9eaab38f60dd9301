-- Deletes the tasks that earlier measurements created, and makes :count tasks to delete, from the number :from on.
set session_replication_role = replica;

delete from app.tasks where id >= :first_to_delete;

insert into app.tasks (id, user_id, title, description, completed, created_at, updated_at)
overriding system value
select :first_to_delete + n, (:deleter_users + n % :group)::text, :'title', :'description', false, now(), now()
  from generate_series(:from::bigint, :from::bigint + :count - 1) n;

vacuum analyze app.tasks;
