-- Gives the transaction an empty identity, which app.identify refuses.
set local app.user_id = ''
