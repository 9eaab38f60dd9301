-- Receives the sums of the source.
copy pg_temp.adopted_sums (user_id, tasks, checksum) from stdin (format binary)
