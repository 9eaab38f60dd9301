-- What Postgres makes of a request's transaction: one row, every column true when it is restricted.
--   $1 user_id that was identified
select current_user = 'rowkeep_api'                              as role_assumed,
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
                                         -- As it is deparsed with nothing on the search path, which is so here.
                                         and pg_get_expr(p.polqual, c.oid)
                                             = '(user_id = app.current_user_id())'
                                         and pg_get_expr(p.polqual, c.oid) = pg_get_expr(p.polwithcheck, c.oid)))
                                                                 as tables_fenced,
       app.current_user_id() = $1                                as identity_taken,
       -- Whoever owns a table lifts its policies, what it inherits from is read by other policies, and users who are
       -- compared by the rules of a language can be taken for one another.
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
                                             and k.collisdeterministic)))
                                                                 as tables_sound,
       -- The policy for requests can be lost without the fence: everybody's rows would seem to be gone.
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
       -- Declared immutable, a cached plan would show one user's rows to the next; with a setting of its own it would be
       -- called where it is to be inlined, and the setting could be the identity.
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
