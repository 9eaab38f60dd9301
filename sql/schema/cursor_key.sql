-- The key that cursors of lists are sealed with, 32 bytes; null: there is none.
select app.cursor_key()
