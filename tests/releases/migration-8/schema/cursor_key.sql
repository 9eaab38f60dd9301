-- The key that encrypts the cursors of lists, 32 bytes. Null: there is none.
select app.cursor_key()
