//! Changing statements for every kind of role. Without policies and privileges they change the tasks that their list names.

/// Changes every task without returning it.
pub(super) const CHANGES: &[&str] = &[
    // Without WHERE and RETURNING, Postgres does not use the policy for reading.
    "update app.tasks set title = 'x'",
    "update app.tasks set description = 'x'",
    "update only app.tasks as t set (title, description) = ('x', 'y')",
    "update app.tasks set description = 'x' where true",
    "update app.tasks set description = 'x' from (values (1)) v",
    "with t as (update app.tasks set description = 'x') select",
    "prepare q as update app.tasks set description = 'x'; execute q",
    "set plan_cache_mode = force_generic_plan;
     prepare q (text) as update app.tasks set description = $1; execute q ('x')",
    "savepoint s; update app.tasks set description = 'x'; rollback to s; update app.tasks set description = 'y'",
    "do $$ begin update app.tasks set description = 'x'; end $$",
    "do $$ begin execute 'update app.tasks set title = ''x'''; end $$",
    "create function pg_temp.go() returns void language sql
         as $$ update app.tasks set title = 'x' $$; select pg_temp.go()",
    "set constraints all deferred; update app.tasks set description = 'x'",
    "delete from app.tasks",
    "delete from only app.tasks t",
    "delete from app.tasks where true",
    "delete from app.tasks using (values (1)) v",
    "with t as (delete from app.tasks) select",
    "do $$ begin delete from app.tasks; end $$",
];

/// Reads and changes every task, for which Postgres also requires SELECT.
pub(super) const CHANGES_THAT_READ: &[&str] = &[
    "update app.tasks set description = 'x' where id > 0 and user_id > ''",
    "update app.tasks t set description = s.title from app.tasks s where s.id = t.id",
    "update app.tasks t set description = (select max(s.title) from app.tasks s where s.id = t.id)",
    "update app.tasks set description = 'x' where id = any (select id from app.tasks)",
    "with t as (select id from app.tasks) update app.tasks set description = 'x' where id in (table t)",
    "do $$ declare r record; begin
         for r in select id from app.tasks for update loop update app.tasks set description = 'x' where id = r.id; end loop; end $$",
    "create temp view seen as table app.tasks; update seen set description = title",
    "create temp view seen as table app.tasks; delete from seen where id > 0",
    "delete from app.tasks where id > 0 and user_id > ''",
    "delete from app.tasks t using app.tasks s where s.id = t.id",
    "delete from app.tasks where ctid in (select ctid from app.tasks)",
    "do $$ declare c cursor for select * from app.tasks for update; r record; begin
         for r in c loop delete from app.tasks where current of c; end loop; end $$",
];

/// Changes every task and returns it.
pub(super) const CHANGES_WITH_RETURNING: &[&str] = &[
    "update app.tasks set description = 'x' returning *",
    "update app.tasks set description = 'x' where id > 0 returning title",
    "update app.tasks t set description = 'x' from app.tasks s where t.id = s.id returning s.title",
    "with t as (update app.tasks set description = 'x' returning title) table t",
    "prepare q as update app.tasks set description = 'x' returning title; execute q",
    "delete from app.tasks returning title",
    "delete from app.tasks t using app.tasks s where s.id = t.id returning s.title",
    "with t as (delete from app.tasks returning *) select title from t",
];

/// The same, with syntax of later releases of PostgreSQL.
pub(super) const NEWER_CHANGES_WITH_RETURNING: &[(i32, &str)] = &[
    (
        170_000,
        "merge into app.tasks t using (values (0)) v (id) on t.id = v.id
           when not matched by source then delete returning t.title",
    ),
    (
        170_000,
        "merge into app.tasks t using (values (0)) v (id) on t.id > v.id
           when matched then update set description = 'x' returning merge_action(), t.*",
    ),
    (180_000, "update app.tasks set description = 'x' returning old.title, new.title"),
    (180_000, "update app.tasks set description = 'x' returning with (old as o, new as n) o, n"),
    (180_000, "delete from app.tasks returning old.*"),
];

/// Changes alice's tasks, which it names.
pub(super) const CHANGES_OF_ALICES: &[&str] = &[
    "update app.tasks set title = 'x' where user_id = 'alice'",
    "update app.tasks set title = 'x' where id in (1, 2)",
    "update app.tasks set completed = not completed where user_id <> 'bob'",
    "update app.tasks t set title = 'x' from (values ('alice')) v (user_id) where t.user_id = v.user_id",
    "prepare q (text) as update app.tasks set title = 'x' where user_id = $1; execute q ('alice')",
    "delete from app.tasks where user_id = 'alice'",
    "delete from app.tasks where id < 3",
    "delete from app.tasks t using (values (1), (2)) v (id) where t.id = v.id",
    "merge into app.tasks t using (values ('alice')) v (u) on t.user_id = v.u when matched then delete",
    "merge into app.tasks t using (values ('alice')) v (u) on t.user_id = v.u when matched then update set title = 'x'",
    "merge into app.tasks t using (values ('alice')) v (u) on t.user_id = v.u
       when matched and t.title = 'x' then update set title = 'y' when matched then delete",
];

/// Changes every task without reading a column. It fails if there is a task of another user, and changes nothing. So it
/// shows only that such tasks exist.
pub(super) const BLIND_MERGES: &[&str] = &[
    "merge into app.tasks t using (values (1)) v on true when matched then delete",
    "merge into app.tasks t using (values (1)) v on true when matched then update set description = 'x'",
    "with v as (select 1) merge into app.tasks t using v on true when matched then delete",
    "do $$ begin merge into app.tasks t using (values (1)) v on true when matched then delete; end $$",
];

/// Creates one task without naming its user.
pub(super) const CREATIONS: &[&str] = &[
    "insert into app.tasks (title) values ('x')",
    "insert into app.tasks as t (title, description, completed) values ('x', null, default)",
    "insert into app.tasks (title) select 'x'",
    "insert into app.tasks (title) overriding user value values ('x')",
    "insert into app.tasks (title) overriding system value values ('x')",
    "insert into app.tasks (title) values ('x') on conflict do nothing",
    "with t as (insert into app.tasks (title) values ('x')) select",
    "merge into app.tasks t using (values (1)) v on false when not matched then insert (title) values ('x')",
    "prepare q (text) as insert into app.tasks (title) values ($1); execute q ('x')",
    "do $$ begin insert into app.tasks (title) values ('x'); end $$",
    // Reads other tasks as well.
    "insert into app.tasks (title) select coalesce(max(title), 'x') from app.tasks",
    "insert into app.tasks (title) values ('x') returning id, user_id",
    "insert into app.tasks (title) values ('x') on conflict (user_id, id) do nothing",
    "insert into app.tasks (title) values ('x') on conflict (user_id, id) do update set title = excluded.title",
    "insert into app.tasks (title) values ('x') on conflict on constraint tasks_pkey do update set completed = true",
    "create temp view seen as table app.tasks; insert into seen (title) values ('x')",
];

/// Writes the user, the id or a time stamp of a task.
pub(super) const FORGERIES: &[&str] = &[
    "insert into app.tasks (user_id, title) values ('alice', 'x')",
    "insert into app.tasks (user_id, title) values ('bob', 'x')",
    "insert into app.tasks (user_id, title) values (default, 'x')",
    "insert into app.tasks (title, user_id) select 'x', 'alice'",
    "insert into app.tasks values (default, default, 'x')",
    "insert into app.tasks (id, user_id, title) overriding system value values (7, 'alice', 'x')",
    "insert into app.tasks (id, title) overriding user value values (7, 'x')",
    "insert into app.tasks (id, title) values (default, 'x')",
    "insert into app.tasks (title, created_at) values ('x', 'epoch')",
    "insert into app.tasks (title, updated_at) values ('x', 'epoch')",
    "insert into app.tasks (user_id, id, title) overriding system value values ('alice', 1, 'x') on conflict do nothing",
    "insert into app.tasks (user_id, id, title) overriding system value values ('alice', 1, 'x')
       on conflict (user_id, id) do update set title = 'x'",
    "insert into app.tasks (title) values ('x') on conflict (user_id, id) do update set user_id = 'alice'",
    "with t as (insert into app.tasks (user_id, title) values ('alice', 'x') returning id) table t",
    "merge into app.tasks t using (values (1)) v on false when not matched then insert (user_id, title) values ('alice', 'x')",
    "merge into app.tasks t using (values (1)) v on true when matched then update set user_id = 'bob'",
    "create temp view seen as table app.tasks; insert into seen (user_id, title) values ('alice', 'x')",
    "update app.tasks set user_id = 'alice'",
    "update app.tasks set user_id = user_id",
    "update app.tasks set user_id = default",
    "update app.tasks set id = default",
    "update app.tasks set created_at = created_at",
    "update app.tasks set updated_at = 'epoch'",
    "update app.tasks set (title, user_id) = ('x', 'alice')",
];
