-- Whether a transaction without an identity has no user and sees no rows. Both are needed: an identity can be stored for a
-- login (ALTER ROLE .. SET app.user_id), and a table can be empty.
select app.current_user_id() is null
       and not exists (select from app.tasks) as sees_nothing
