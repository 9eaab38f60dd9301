-- Whether a transaction that is nobody's is really nobody's, and sees nothing at all: an identity can be stored for a
-- login (ALTER ROLE .. SET app.user_id), and a table can be empty.
select app.current_user_id() is null
       and not exists (select from app.tasks) as sees_nothing
