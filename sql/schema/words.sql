-- The sentence for each rule that a client can break. Null: somebody forgot it.
select conname::text                          as constraint_name,
       obj_description(oid, 'pg_constraint')  as words
  from pg_constraint
 where connamespace = 'app'::regnamespace
   and contype = 'c'
 order by conname
