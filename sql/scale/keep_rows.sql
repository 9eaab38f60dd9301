-- Part of sql/scale/citus.sql. Citus copies a shard as the login that moves it, and deletes the old one. If the policies keep
-- the rows from that login, the copy would be empty and nobody would say so. With this setting the move fails instead. It is
-- stored on the workers for rowkeep_owner and its members, so it counts for their connections to the nodes alone.
select count(*) > 0 as is_refused, string_agg(format('  %s:%s: %s', nodename, nodeport, result), E'\n') as refusals
  from run_command_on_workers($command$
       do $$
       declare
           login name;
       begin
           set local citus.enable_ddl_propagation = off;
           for login in
               select m.rolname
                 from pg_roles m
                 join pg_roles o on o.rolname = 'rowkeep_owner' and pg_has_role(m.oid, o.oid, 'member')
                 join pg_roles me on me.rolname = current_user
                where m.rolcanlogin
                  and not m.rolsuper
                  -- Who is no superuser may not be allowed to change the others.
                  and (me.rolsuper or m.rolname in (me.rolname, o.rolname))
           loop
               execute format('alter role %I in database %I set row_security = off', login, current_database());
           end loop;
       end
       $$
       $command$)
 where not success \gset
\if :is_refused
\echo :refusals
do $$ begin raise 'the workers above do not store a setting: mend what they say, and run this file again'; end $$;
\endif
