-- The tasks of all users, in the order of their ids. The ids of one user are as far apart as possible.
--   :regular users with :each tasks, whose ids begin at :first_user
--   one user for each of the :sizes, whose ids begin at :sized_users
--
-- No trigger runs, since it would set every time stamp to now. Constraints are checked.
set session_replication_role = replica;

insert into app.tasks (id, user_id, title, description, completed, created_at, updated_at)
overriding system value
select id,
       user_id::text,
       (array['Call', 'Write to', 'Ask', 'Meet', 'Remind', 'Thank', 'Invite', 'Visit'])[1 + h % 8] || ' ' ||
       (array['the plumber', 'the dentist', 'Ms Okafor', 'the landlord', 'Uncle Ben', 'the team'])[1 + h / 8 % 6] ||
       ' about ' ||
       (array['the invoice', 'the kitchen', 'Friday evening', 'the new flat', 'the car'])[1 + h / 48 % 5] ||
       ' no. ' || h % 10000,
       case when h % 3 > 0
            then 'Started in week ' || h % 52 || '; look into the folder of last year first, then decide who pays the ' ||
                 'rest and when it has to be there'
       end,
       h / 7 % 3 = 0,
       timestamptz '2025-01-01 00:00 UTC' + id * interval '1 second',
       timestamptz '2025-01-01 00:00 UTC' + id * interval '1 second'
  from (select 16 * (k * :regular + i) + 16   as id,
               :first_user + i                as user_id
          from generate_series(0, :each - 1) k, generate_series(0, :regular - 1) i
        union all
        select 8 * (j * 2 * :regular * :each / l.size) + l.number,
               :sized_users + l.number - 1
          from unnest(:'sizes'::bigint[]) with ordinality l (size, number), generate_series(0, l.size - 1) j) t
 cross join lateral (select hashint8(id) & 1073741823 as h) hashed
 order by id;

select setval(pg_get_serial_sequence('app.tasks', 'id'), :first_created, false) \g /dev/null

vacuum analyze app.tasks;
checkpoint;

select count(*) from app.tasks;
