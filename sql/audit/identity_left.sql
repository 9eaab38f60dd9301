-- The role and the identity of this session, outside a transaction of a user.
select current_user::text as role, coalesce(current_setting('app.user_id', true), '') as user_id
