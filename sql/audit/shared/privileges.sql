-- Every privilege on objects of Rowkeep. A function without a privilege list may be executed by PUBLIC.
privileges as (
    select 'schema' as kind, s.nspname, null::oid as object, null::name as part, s.nspname::text as name,
           format('schema %I', s.nspname) as target, s.nspowner as owner, a.*
      from schemas s
     cross join aclexplode(s.nspacl) a
    union all
    select case r.relkind when 'S' then 'sequence' else 'table' end, r.nspname, r.oid, null, r.name,
           case r.relkind when 'S' then 'sequence ' else '' end || r.name, r.relowner, a.*
      from relations r
     cross join aclexplode(r.relacl) a
     where r.relkind not in ('i', 'I', 'c')
    union all
    select 'column', r.nspname, r.oid, t.attname, format('%s.%I', r.name, t.attname), r.name, r.relowner, a.*
      from relations r
      join pg_attribute t on t.attrelid = r.oid and not t.attisdropped
     cross join aclexplode(t.attacl) a
    union all
    select 'function', s.nspname, f.oid, f.proname, f.oid::regprocedure::text, 'routine ' || f.oid::regprocedure,
           f.proowner, a.*
      from pg_proc f
      join schemas s on s.oid = f.pronamespace
     cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
     where not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
)
