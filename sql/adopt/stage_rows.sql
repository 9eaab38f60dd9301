-- Receives the rows of the source.
copy pg_temp.adopted (id, user_id, title, description, completed, created_at, updated_at) from stdin (format binary)
