-- The names of two indexes did not say what they are for, and some comments were hard to understand.
set local role rowkeep_owner;

alter index app.tasks_user_id_id_idx           rename to tasks_pending_idx;
alter index app.tasks_user_id_id_completed_idx rename to tasks_completed_idx;

comment on index app.tasks_pending_idx is
    'Serves the list of a user''s pending tasks. It helps when most of the user''s tasks are completed.';
comment on index app.tasks_completed_idx is
    'Serves the list of a user''s completed tasks. It helps when most of the user''s tasks are pending.';

comment on schema app is
    'Rowkeep: the tasks of all users. Each user sees only their own.';

comment on function app.current_user_id() is
    'The id of the user whose transaction this is. Null if the transaction has no user; then it sees no row.';
comment on function app.identify(text) is
    'Gives this transaction the id of one user and the role rowkeep_api. Both end with the transaction. '
    'Refuses null and the empty text. In psql: begin; select app.identify(''alice''); table app.tasks; rollback;';
comment on function app.schema_version() is
    'The version of the last migration, and the SHA-256 digest of the policies in force. Null before the first one.';
comment on function app.cursor_key() is
    'The key that encrypts the cursors of lists. A cursor can hold a task''s title, and it appears in URLs and logs.';
comment on function app.tasks_touch() is
    'Sets created_at and updated_at. Refuses every change of id, user_id or created_at, from every role.';
comment on trigger tasks_touch on app.tasks is
    'No client can set the time stamps, change an id, or give a task to another user.';

comment on table app.tasks is
    'A row is one task of one user. Only that user can see or change it.';
comment on column app.tasks.user_id is
    'The user who owns the task. No client can write it: it is the user of the transaction that creates the row.';
comment on column app.tasks.updated_at is
    'The time of the last change. An update that changes no value does not move it.';
comment on constraint tasks_pkey on app.tasks is
    'A task is identified by its user and its id together.';

comment on table rowkeep.cursor_keys is
    'A row is a key that encrypts the cursors of lists; the last row is in use. To make all cursors invalid, insert a row '
    'and restart the servers. Clients then begin their lists again.';

reset role;
