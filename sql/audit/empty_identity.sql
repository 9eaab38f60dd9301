-- Makes the transaction that of somebody without a name, which app.identify refuses to do.
set local app.user_id = ''
