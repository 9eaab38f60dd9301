-- How many tasks each user has, and a checksum of them: the sum of the first 64 bits of each task's SHA-256. The order of the
-- tasks does not matter, and neither does the encoding of the database.
select user_id,
       count(*) as tasks,
       sum(('x' || left(encode(sha256(convert_to(format('%s %L %L %s %s %s', id, title, description, completed,
                                                        to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
                                                        to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')),
                                                 'UTF8')), 'hex'), 16))::bit(64)::bigint) as checksum
  from adopted
 group by user_id
