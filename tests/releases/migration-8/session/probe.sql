-- Checks how Postgres restricts the transaction of a request. Returns one row; every column after the first two is true if
-- all is well.
--   $1 user_id that app.identify() was called with
select pg_is_in_recovery()                                       as is_standby,
       current_setting('default_transaction_read_only')::boolean as is_read_only,
       current_user = 'rowkeep_api'                              as role_assumed,
       not (r.rolsuper or r.rolbypassrls)                        as bound_by_policies,
       not exists (select
                     from pg_class c
                    where c.relnamespace = 'app'::regnamespace
                      and pg_has_role(c.relowner, 'USAGE'))      as owns_nothing,
       not exists (select
                     from pg_class c
                    where c.relnamespace = 'app'::regnamespace
                      and c.relkind in ('r', 'p')
                      and not (c.relforcerowsecurity and row_security_active(c.oid)))
                                                                 as tables_protected,
       not exists (select
                     from pg_class c
                    where c.relnamespace = 'app'::regnamespace
                      and c.relkind in ('r', 'p')
                      and not exists (select
                                        from pg_policy p
                                       where p.polrelid = c.oid
                                         and not p.polpermissive
                                         and p.polcmd = '*'
                                         and p.polroles = '{0}'
                                         -- As PostgreSQL deparses it with an empty search path, which connections have.
                                         and pg_get_expr(p.polqual, c.oid)
                                             = '(user_id = app.current_user_id())'
                                         and pg_get_expr(p.polqual, c.oid) = pg_get_expr(p.polwithcheck, c.oid)))
                                                                 as tables_fenced,
       app.current_user_id() = $1                                as identity_taken,
       -- The owner of a table can lift its policies. A query of a parent table applies the policies of the parent only.
       -- Another collation than "C" can treat two user ids as equal, and a new release of its library can hide rows.
       not exists (select
                     from pg_class c
                    where c.relnamespace = 'app'::regnamespace
                      and c.relkind in ('r', 'p')
                      and (c.relowner <> 'rowkeep_owner'::regrole
                           or exists (select from pg_inherits i where i.inhrelid = c.oid)
                           or not exists (select
                                            from pg_attribute a
                                            join pg_collation k on k.oid = a.attcollation
                                           where a.attrelid = c.oid
                                             and a.attname = 'user_id'
                                             and k.oid = 'pg_catalog."C"'::regcollation)))
                                                                 as tables_sound,
       -- If the permissive policy is lost and the fence is not, every user sees an empty list instead of an error.
       not exists (select
                     from pg_class c
                    where c.relnamespace = 'app'::regnamespace
                      and c.relkind in ('r', 'p')
                      and not exists (select
                                        from pg_policy p
                                       where p.polrelid = c.oid
                                         and p.polpermissive
                                         and p.polcmd in ('*', 'r')
                                         and p.polroles @> array['rowkeep_api'::regrole::oid]))
                                                                 as rows_reachable,
       -- If the function were IMMUTABLE, a cached plan would show the rows of one user to the next. With a SET clause it
       -- would not be inlined, and the clause could set the identity.
       exists (select
                 from pg_proc f
                 join pg_language l on l.oid = f.prolang
                where f.oid = 'app.current_user_id()'::regprocedure
                  and l.lanname = 'sql'
                  and f.provolatile = 's'
                  and not f.prosecdef
                  and f.proconfig is null
                  and pg_get_function_sqlbody(f.oid) = 'RETURN NULLIF(current_setting(''app.user_id''::text, true), ''''::text)')
                                                                 as identity_sound
  from pg_roles r
 where r.rolname = current_user
