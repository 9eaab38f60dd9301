-- Policies that are added to the existing ones: with the fence, which keeps them harmless, and without it.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with tables as (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'app' and c.relkind in ('r', 'p')
),

fences as (
    select p.polrelid, string_agg(format('drop policy %I on %s; ', p.polname, t.name), '') as drops
      from pg_policy p join tables t on t.oid = p.polrelid
     where not p.polpermissive
     group by p.polrelid
),

-- The command of a policy, its condition, what else is needed, and what the proof shows without the fence. The strict
-- policy for SELECT hides a lax policy for UPDATE or DELETE, unless a statement names no column.
holes (command, clauses, more, proof) as (values
    ('all',    'using (true) with check (true)', '', 'SELECT as A: showed'),
    ('select', 'using (true)', '', 'SELECT as A: showed'),
    ('select', 'using (true)', '', 'SELECT of B''s as A: showed'),
    ('select', 'using (true)', '', 'SELECT as empty: showed'),
    ('update', 'using (true) with check (true)', '', 'UPDATE without WHERE as A: reached'),
    ('update', 'using (true)', '', 'UPDATE without WHERE as A: reached'),
    ('update', 'using (true)', '', 'UPDATE without WHERE as empty: reached'),
    ('delete', 'using (true)', '', 'DELETE without WHERE as A: reached'),
    ('delete', 'using (true)', '', 'DELETE without WHERE as empty: reached'),
    ('insert', 'with check (true)', '; grant insert (user_id) on %1$s to rowkeep_api', 'INSERT as B as A: was not refused')
),

mutants (rank, damage, notices, by_hand) as (
    select 1, format('create policy hole_%sx on %s for %s to %s %s', h.number, t.name, h.command, h.receiver, h.clauses),
           array[format('FAIL policy %s hole_%sx: permissive %s to %s', t.name, h.number, h.command, h.receiver),
                 format('FAIL drift policy hole_%sx on %s exists, but is not declared', h.number, t.name)], false
      from tables t
     cross join (select *, row_number() over (order by command, clauses, receiver) as number
                   from (select distinct command, clauses from holes) c
                  cross join (values ('public'), ('rowkeep_api'), ('other_role')) r (receiver)) h
    union all
    select 2, format('%screate policy hole on %s for %s to rowkeep_api %s', f.drops, t.name, h.command, h.clauses)
              || format(h.more, t.name),
           array[format('FAIL policy %s hole: permissive %s to rowkeep_api', t.name, h.command),
                 format('FAIL policy %s has no fence', t.name),
                 format('FAIL drift policy hole on %s exists, but is not declared', t.name)]
           || array_agg(format('FAIL proof %s: %s', t.name, h.proof)), false
      from tables t
      join fences f on f.polrelid = t.oid
     cross join holes h
     group by t.name, f.drops, h.command, h.clauses, h.more
    union all
    -- For own rows only, but still not a policy of this release.
    select 3, format('create policy own on %s for select to rowkeep_api using (user_id = app.current_user_id())', t.name),
           array[format('FAIL drift policy own on %s exists, but is not declared', t.name)], false
      from tables t
    union all
    select 4, format('create policy nobodys on %s as restrictive for all to public using (false)', t.name),
           array[format('FAIL policy %s nobodys: RESTRICTIVE all to public', t.name),
                 format('FAIL drift policy nobodys on %s exists, but is not declared', t.name)], false
      from tables t
)

select damage, notices, by_hand from mutants order by rank, damage
