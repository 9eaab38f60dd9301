-- Notes every row of the source that Rowkeep cannot hold. The rules of app.tasks are read from its constraints, and the
-- sentences are their comments.
analyze pg_temp.adopted;

do $$
declare
    rule record;
begin
    for rule in
        select pg_get_expr(conbin, conrelid)                          as condition,
               coalesce(obj_description(oid, 'pg_constraint'), conname) as message
          from pg_constraint
         where conrelid = 'app.tasks'::regclass
           and contype = 'c'
    loop
        execute format('insert into pg_temp.adopted_problems select id, %L from pg_temp.adopted where not (%s)',
                       rule.message, rule.condition);
    end loop;
end
$$;

-- What no constraint says: values that must be there, ids that JavaScript can hold and that leave room for the next, users
-- that a token can name, and times that RFC 3339 can write.
insert into pg_temp.adopted_problems
select a.id, r.problem
  from pg_temp.adopted a
 cross join lateral (values
       (a.id is null,         'id is null'),
       (a.user_id is null,    'user_id is null'),
       (a.title is null,      'title is null'),
       (a.completed is null,  'completed is null'),
       (a.created_at is null, 'created_at is null'),
       (a.id not between 1 and 9007199254740990, 'id must be 1 to 9007199254740990'),
       (a.user_id !~ '[^\u0009-\u000D\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]' and a.user_id <> '',
        'user_id must not be blank: no token can name this user'),
       (a.user_id ~ '[\u0001-\u001F\u007F-\u009F]',
        'user_id must not hold control characters: no token can name this user'),
       (not (a.created_at >= '0001-01-01 00:00+00' and a.created_at < '9999-12-30 00:00+00'),
        'created_at must be from 0001-01-01 to 9999-12-29'),
       (not (a.updated_at >= '0001-01-01 00:00+00' and a.updated_at < '9999-12-30 00:00+00'),
        'updated_at must be from 0001-01-01 to 9999-12-29')
       ) r (is_broken, problem)
 where r.is_broken;

insert into pg_temp.adopted_problems
select id, format('the source has %s rows with this id', count(*))
  from pg_temp.adopted
 where id is not null
 group by id
having count(*) > 1
