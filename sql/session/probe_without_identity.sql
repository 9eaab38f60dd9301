-- Whether a transaction without an identity has no user and sees no rows. Both are needed: an identity can be stored for a
-- login (ALTER ROLE .. SET app.user_id), and a table can be empty. The limit is for a distributed database, which would bring
-- all visible rows of all nodes together first.
select app.current_user_id() is null
       and not exists (select 1 from app.tasks limit 1) as sees_nothing
