-- Whose this session is, outside any transaction of somebody's.
select current_user::text as role, coalesce(current_setting('app.user_id', true), '') as user_id
