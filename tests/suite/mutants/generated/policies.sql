-- Every policy, dropped, changed or given to other roles; and all policies of a table with the same wrong condition.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then; null: none on this release of PostgreSQL
--   by_hand   whether a fix is left to a person
with tables as (
    select c.oid, c.relname, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'app' and c.relkind in ('r', 'p')
),

policies as (
    select t.name as relation, quote_ident(p.polname) as name, p.polpermissive, p.polcmd,
           format('policy %s %I', t.name, p.polname) as subject,
           format('drift policy %I on %s', p.polname, t.name) as drift,
           case when p.polcmd <> 'a' then format(' using (%s)', pg_get_expr(p.polqual, p.polrelid)) else '' end as own_using,
           case when p.polcmd not in ('r', 'd')
                then format(' with check (%s)', pg_get_expr(p.polqual, p.polrelid)) else '' end as own_check,
           case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                         else 'all' end as command
      from pg_policy p join tables t on t.oid = p.polrelid
),

-- Conditions that look like "own rows only" but are not the expected one, and what the proof shows, if it can show it.
bent (predicate, proof) as (values
    ('true', 'SELECT as A: showed'),
    ('user_id is not null', 'SELECT as A: showed'),
    ('user_id >= app.current_user_id()', 'SELECT as A: showed'),
    ('user_id <= app.current_user_id()', null),
    ('user_id <> app.current_user_id()', 'not tried, because no row could be created'),
    ('user_id like app.current_user_id()', null),
    ('user_id ~ app.current_user_id()', null),
    ('lower(user_id) = lower(app.current_user_id())', null),
    ('btrim(user_id) = btrim(app.current_user_id())', null),
    ('starts_with(user_id, left(app.current_user_id(), 4))', 'SELECT as A: showed'),
    ('user_id = any (string_to_array(app.current_user_id(), '',''))', null),
    ('user_id = app.current_user_id() or true', 'SELECT as A: showed'),
    ('user_id = app.current_user_id() or app.current_user_id() is not null', 'SELECT as A: showed'),
    ('user_id = app.current_user_id() or app.current_user_id() = ''root''', null),
    ('user_id = app.current_user_id() or current_user = ''other_role''', null),
    ('user_id = app.current_user_id() or length(user_id) < 3', null),
    ('user_id = app.current_user_id() or pg_has_role(session_user, ''rowkeep_owner'', ''MEMBER'')',
     'SELECT as A: showed'),
    ('user_id = coalesce(app.current_user_id(), user_id)', 'SELECT as empty: showed'),
    ('user_id is not distinct from app.current_user_id()', null),
    ('user_id in (select app.current_user_id())', null),
    ('user_id = (select app.current_user_id())', null),
    ('user_id = current_setting(''app.user_id'', true)', null),
    ('user_id = app.current_user_id() collate "C"', null),
    ('user_id::bytea = app.current_user_id()::bytea', null),
    ('(user_id = app.current_user_id()) is not false', null)
),

mutants (rank, damage, notices, by_hand) as (
    select 1, format('drop policy %s on %s', p.name, p.relation),
           array[case when p.polpermissive then format('NOTE policy %s: rowkeep_api can .. no row', p.relation)
                      else format('FAIL policy %s has no fence', p.relation) end,
                 format('FAIL %s is declared, but does not exist', p.drift)], false
      from policies p
    union all
    select 2, format('alter policy %s on %s using (true)', p.name, p.relation),
           array[format('FAIL %s: .. its condition for reading', p.subject), format('FAIL %s is not as declared', p.drift)], false
      from policies p where p.polcmd <> 'a'
    union all
    select 3, format('alter policy %s on %s with check (true)', p.name, p.relation),
           array[format('FAIL %s: .. its condition for writing', p.subject), format('FAIL %s is not as declared', p.drift)],
           false
      from policies p where p.polcmd not in ('r', 'd')
    union all
    select 4, format('alter policy %s on %s to %s', p.name, p.relation, r.receiver),
           array[format('FAIL %s: .. to %s, .. %s', p.subject, r.receiver, r.why),
                 format('FAIL %s is not as declared', p.drift)], false
      from policies p
      join (values (true, 'public', 'applies to other roles than rowkeep_api'), (true, 'other_role', 'applies to other roles than rowkeep_api'),
                   (true, 'other_role, rowkeep_api', 'applies to other roles than rowkeep_api'),
                   (true, 'rowkeep_auditor', 'applies to other roles than rowkeep_api'),
                   (false, 'rowkeep_api', 'does not apply to every role'), (false, 'other_role', 'does not apply to every role')
           ) r (permissive, receiver, why) on r.permissive = p.polpermissive
    union all
    select 5, format('alter policy %s on %s rename to renamed_%s', p.name, p.relation, p.name),
           array[format('FAIL %s is declared, but does not exist', p.drift),
                 format('FAIL drift policy renamed_%s on %s exists, but is not declared', p.name, p.relation)], false
      from policies p
    union all
    -- Without WITH CHECK, PostgreSQL checks new rows with USING. That is safe, but not as declared.
    select 6, format('drop policy %s on %s; create policy %s on %s as %s for %s to %s%s', p.name, p.relation, p.name, p.relation,
                     case when p.polpermissive then 'permissive' else 'restrictive' end, p.command,
                     case when p.polpermissive then 'rowkeep_api' else 'public' end, p.own_using),
           array[format('FAIL %s is not as declared', p.drift)], false
      from policies p where p.polcmd = '*'
    union all
    select 7, format('drop policy %s on %s; create policy %s on %s as restrictive for %s to public%s%s', p.name, p.relation,
                     p.name, p.relation, c.command, case when c.command <> 'insert' then p.own_using else '' end,
                     case when c.command in ('insert', 'update') then p.own_check else '' end),
           array[format('FAIL policy %s has no fence', p.relation), format('FAIL %s is not as declared', p.drift)], false
      from policies p
     cross join (values ('select'), ('insert'), ('update'), ('delete')) c (command)
     where not p.polpermissive and p.polcmd = '*'
    union all
    select 8, format('drop policy %s on %s; create policy %s on %s as %s for %s to public%s%s', p.name, p.relation, p.name,
                     p.relation, case when p.polpermissive then 'restrictive' else 'permissive' end, p.command, p.own_using,
                     p.own_check),
           array[case when p.polpermissive then format('NOTE policy %s: rowkeep_api can .. no row', p.relation)
                      else format('FAIL policy %s has no fence', p.relation) end,
                 format('FAIL %s is not as declared', p.drift)], false
      from policies p
    union all
    select 9, string_agg(format('alter policy %s on %s%s%s', p.name, p.relation,
                                case when p.polcmd <> 'a' then format(' using (%s)', b.predicate) else '' end,
                                case when p.polcmd not in ('r', 'd') then format(' with check (%s)', b.predicate) else '' end),
                         '; '),
           array_agg(format('FAIL %s: ', p.subject)) || array_agg(format('FAIL %s is not as declared', p.drift))
           || array['FAIL proof ' || p.relation || ': ' || b.proof], false
      from policies p
      join bent b on b.proof is not null
     group by p.relation, b.predicate, b.proof
    union all
    -- The proof cannot show these, but their text differs.
    select 11, format('create policy bent_%1$sx on %2$s to rowkeep_api using (%3$s); create policy bent_%1$sy on %2$s '
                      'as restrictive using (%3$s)', b.number, t.name, b.predicate),
           array[format('FAIL policy %s bent_%sx: permissive all .. its condition for reading', t.name, b.number),
                 format('FAIL policy %s bent_%sy: RESTRICTIVE all .. its condition for reading', t.name, b.number),
                 format('FAIL drift policy bent_%sx on %s exists, but is not declared', b.number, t.name),
                 format('FAIL drift policy bent_%sy on %s exists, but is not declared', b.number, t.name)], false
      from tables t
     cross join (select predicate, row_number() over (order by predicate collate "C") as number
                   from bent where proof is null) b
    union all
    select 10, string_agg(format('drop policy %s on %s', p.name, p.relation), '; '),
           array_agg(format('FAIL %s is declared, but does not exist', p.drift))
           || array[format('FAIL policy %s has no fence', p.relation),
                    format('NOTE policy %s: rowkeep_api can .. no row', p.relation),
                    format('FAIL proof %s: not tried, because no row could be created', p.relation)], false
      from policies p
     group by p.relation
)

select damage, notices, by_hand
  from mutants
 order by rank, damage
