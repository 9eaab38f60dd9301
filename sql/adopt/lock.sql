-- Keeps everybody else from app.tasks until the transaction ends. While row security is not forced and the trigger is
-- disabled, no other session can see or change a row.
lock table app.tasks in access exclusive mode
