-- Every function of app, with other properties, another owner or other callers.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with functions as (
    select f.oid, f.proname, f.oid::regprocedure::text as name, f.proacl, f.provolatile, f.prosecdef, f.proconfig,
           format('FAIL drift function %s is not as declared', f.oid::regprocedure) as drift
      from pg_proc f join pg_namespace n on n.oid = f.pronamespace
     where n.nspname = 'app'
),

damages (damage, notice) as (values
    ('alter function %s set search_path = public',         'FAIL function %s does not set search_path'),
    ('alter function %s set search_path = app, pg_temp',   'FAIL function %s does not set search_path'),
    ('alter function %s set app.user_id = ''root''',       'FAIL function %s has settings of its own'),
    ('alter function %s set row_security = off',           'FAIL function %s has settings of its own'),
    ('alter function %s owner to postgres',                'FAIL function %s is owned by postgres'),
    ('alter function %s owner to rowkeep_api',             'FAIL function %s is owned by rowkeep_api'),
    ('alter function %s leakproof',                        'FAIL function %s is LEAKPROOF'),
    ('alter function %s parallel restricted',              null),
    ('alter function %s cost 0.0000001',                   null)
),

mutants (rank, damage, notices, by_hand) as (
    select 1, format(h.damage, f.name), array[format(h.notice, f.name), f.drift], false
      from functions f cross join damages h
    union all
    select 1, format('alter function %s reset all', f.name),
           array[format('FAIL function %s does not set search_path', f.name), f.drift], false
      from functions f where f.proconfig is not null
    union all
    -- Harmless, but it makes every request slower.
    select 1, format('alter function %s set search_path = ''''', f.name), array[f.drift], false
      from functions f where f.proconfig is null
    union all
    select 2, format('alter function %s security definer', f.name),
           array[format('FAIL function %s is SECURITY DEFINER', f.name), f.drift], false
      from functions f where not f.prosecdef
    union all
    select 3, format('alter function %s %s', f.name, v.name), array[f.drift,
           case when f.proname = 'current_user_id' then format('FAIL identity %s is %s', f.name, upper(v.name)) end], false
      from functions f
      join (values ('i', 'immutable'), ('s', 'stable'), ('v', 'volatile')) v (volatility, name) on v.volatility <> f.provolatile
    union all
    select 4, format('grant execute on function %s to %s%s', f.name, g.name, o.option),
           array[format('%s grants execute on %s to %s%s', case g.name when 'other_role' then 'NOTE' else 'FAIL' end, f.name, g.name,
                        replace(o.option, ' with', ', with'))], false
      from functions f
     cross join (values ('public', 0::oid), ('other_role', 'other_role'::regrole), ('rowkeep_api', 'rowkeep_api'::regrole),
                        ('rowkeep_auditor', 'rowkeep_auditor'::regrole)) g (name, oid)
     cross join lateral (select exists (select from aclexplode(f.proacl) a where a.grantee = g.oid) as held) h
     cross join lateral (values (case when h.held then ' with grant option' else '' end)) o (option)
    union all
    select 5, format('revoke execute on function %s from %s', f.name, a.grantee::regrole),
           array[format('FAIL drift grant of execute on function %s to %s is declared, but does not exist', f.name, a.grantee::regrole),
                 case when f.proname in ('identify', 'current_user_id') then 'FAIL proof' end], false
      from functions f cross join aclexplode(f.proacl) a
     where a.grantee in ('rowkeep_api'::regrole, 'rowkeep_auditor'::regrole)
    union all
    select 6, format('alter function %s rename to %I', f.name, 'renamed_' || f.proname),
           array[format('FAIL drift function %s is declared, but does not exist', f.name),
                 case when f.proname in ('identify', 'current_user_id')
                      then format('FAIL identity %s does not exist', f.name) end], true
      from functions f where f.proname <> 'schema_version'
)

select damage, notices, by_hand from mutants order by rank, damage
