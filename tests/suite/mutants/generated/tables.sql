-- Tables that lose their protection, owner, triggers or keys, and objects that are made beside them.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with tables as (
    select c.oid, quote_ident(c.relname) as relname, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'app' and c.relkind in ('r', 'p')
),

triggers as (
    select t.name as relation, quote_ident(g.tgname) as name, g.tgfoid::regproc::text as function,
           format('drift trigger %I on %s', g.tgname, t.name) as drift, pg_get_triggerdef(g.oid) as definition
      from pg_trigger g join tables t on t.oid = g.tgrelid
     where not g.tgisinternal
),

indexes as (
    select t.name as relation, format('app.%I', x.relname) as name, quote_ident(x.relname) as plain
      from pg_index i
      join tables t on t.oid = i.indrelid
      join pg_class x on x.oid = i.indexrelid
     where not exists (select from pg_constraint k where k.conindid = i.indexrelid)
),

mutants (rank, damage, notices, by_hand) as (
    select 1, format(v.damage, t.name), array[format(v.notice, t.name), format('FAIL drift table %s is not as declared', t.name),
                                            format(v.proof, t.name)], false
      from tables t
     cross join (values
           ('alter table %s disable row level security', 'FAIL table %s: row security NOT enabled',
            'FAIL proof %s: SELECT as A: showed'),
           ('alter table %s no force row level security', 'FAIL table %s: .. NOT forced .. its owner reads all rows', null),
           ('alter table %1$s disable row level security, no force row level security',
            'FAIL table %s: row security NOT enabled', 'FAIL proof %s: DELETE without WHERE as A: reached'),
           ('alter table %s owner to postgres', 'FAIL table %s: .. owner postgres', null),
           ('alter table %s owner to other_role', 'FAIL table %s: .. owner other_role', null),
           ('alter table %s owner to rowkeep_api', 'FAIL table %s: .. owner rowkeep_api', null)
           ) v (damage, notice, proof)
    union all
    select 2, format('alter table %s set unlogged', t.name), array[format('FAIL drift table %s is not as declared', t.name)],
           false
      from tables t
    union all
    select 3, format(v.damage, g.relation, g.name, g.function), array[format(v.notice, g.name, g.relation),
                                                                    format('FAIL %s %s', g.drift, v.drift)], v.by_hand
      from triggers g
     cross join (values
           ('alter table %s disable trigger %s', 'FAIL trigger %s on %s: is not enabled', 'is not as declared', false),
           ('alter table %s enable replica trigger %s', 'FAIL trigger %s on %s: is not enabled', 'is not as declared', false),
           ('alter table %s enable always trigger %s', null, 'is not as declared', false),
           ('alter table %s disable trigger all', 'FAIL trigger %s on %s: is not enabled', 'is not as declared', false),
           ('drop trigger %2$s on %1$s', 'FAIL trigger %2$s has no trigger that keeps its columns',
            'is declared, but does not exist', false),
           ('create or replace trigger %2$s before insert or update on %1$s for each row when (false) execute function %3$s()',
            'FAIL trigger %2$s has no trigger that keeps its columns', 'is not as declared', false),
           ('create or replace trigger %2$s before insert on %1$s for each row execute function %3$s()',
            'FAIL trigger %2$s has no trigger that keeps its columns', 'is not as declared', false),
           ('create or replace trigger %2$s before insert or update of user_id on %1$s for each row execute function %3$s()',
            'FAIL trigger %2$s has no trigger that keeps its columns', 'is not as declared', false),
           ('alter trigger %2$s on %1$s rename to renamed', null, 'is declared, but does not exist', false),
           ('create function public.spy() returns trigger language plpgsql as $$ begin return new; end $$; '
            'create or replace trigger %2$s before insert or update on %1$s for each row execute function public.spy()',
            'FAIL trigger %s on %s calls public.spy() .. a function outside app', 'is not as declared', false)
           ) v (damage, notice, drift, by_hand)
    union all
    select 4, format('create or replace function %s() returns trigger language plpgsql set search_path = '''' as '
                     '$$ begin %s end $$', g.function, b.body),
           array[format(case g.function when 'app.tasks_touch' then 'FAIL function %s() does not have the expected body'
                                        else 'FAIL drift function %s() is not as declared' end, g.function)], false
      from triggers g
     cross join (values ('return new;'), ('return old;'), ('new.user_id := ''root''; return new;'),
                        ('raise notice ''%'', new; return new;')) b (body)
    union all
    select 5, format('create or replace function public.spy() returns trigger language plpgsql as $$ begin '
                     'raise notice ''%%'', new; return new; end $$; create trigger spy_%s %s on %s %s execute function public.spy()',
                     w.number, w.time, t.name, w.each),
           array[format('FAIL trigger spy_%s on %s calls public.spy() .. a function outside app', w.number, t.name),
                 format('FAIL drift trigger spy_%s on %s exists, but is not declared', w.number, t.name)], false
      from tables t
     cross join (values (1, 'before insert', 'for each row'), (2, 'after update', 'for each row'),
                        (3, 'after delete', 'for each row'), (4, 'before truncate', 'for each statement'),
                        (5, 'after insert', 'for each statement')) w (number, time, each)
    union all
    select 6, format('create function app.spy() returns trigger language plpgsql set search_path = '''' as '
                     '$$ begin return new; end $$; alter function app.spy() owner to rowkeep_owner; '
                     'revoke all on function app.spy() from public; '
                     'create trigger spy after insert on %s for each row execute function app.spy()', t.name),
           array[format('FAIL drift trigger spy on %s exists, but is not declared', t.name),
                 'FAIL drift function app.spy() exists, but is not declared'], false
      from tables t
    union all
    select 7, format('drop index %s', i.name), array[format('FAIL drift index %s is declared, but does not exist', i.name)], false
      from indexes i
    union all
    select 8, format('drop index %s; create index %s on %s (user_id)', i.name, i.plain, i.relation),
           array[format('FAIL drift index %s is not as declared', i.name)], false
      from indexes i
    union all
    select 9, format('create index extra on %s (created_at)', t.name),
           array['FAIL drift index app.extra exists, but is not declared'], false
      from tables t
    union all
    select 10, format('create function public.leak(text) returns text immutable language plpgsql as '
                      '$$ begin raise notice ''%%'', $1; return $1; end $$; create index extra on %s (public.leak(user_id))', t.name),
           array['FAIL drift index app.extra exists, but is not declared'], false
      from tables t
    union all
    select 11, format('create statistics app.extra on user_id, id from %s', t.name),
           array['FAIL drift statistics object app.extra exists, but is not declared'], true
      from tables t
)

select damage, notices, by_hand
  from mutants
 order by rank, damage
