-- The message that clients read for each check constraint on a table that requests can write: its comment. Null: the comment
-- is missing. Other tables of app can be of another program, and no client reads their constraints.
select conname::text                          as constraint_name,
       obj_description(oid, 'pg_constraint')  as message
  from pg_constraint
 where connamespace = 'app'::regnamespace
   and contype = 'c'
   and has_any_column_privilege('rowkeep_api', conrelid, 'INSERT, UPDATE')
 order by conname
