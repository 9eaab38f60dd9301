-- The message that clients read for each check constraint: its comment. Null: the comment is missing.
select conname::text                          as constraint_name,
       obj_description(oid, 'pg_constraint')  as message
  from pg_constraint
 where connamespace = 'app'::regnamespace
   and contype = 'c'
 order by conname
