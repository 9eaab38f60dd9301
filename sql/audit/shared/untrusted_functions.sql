-- The functions of users in an untrusted language. An aggregate is internal by name, and calls functions in other languages.
-- Materialized, because most functions are of initdb, and only the others' privileges need a look.
untrusted_functions (oid, lanname) as materialized (
    select f.oid, l.lanname
      from pg_proc f
      join pg_language l on l.oid = f.prolang and not l.lanpltrusted
     where f.oid >= 16384
       and (f.prokind <> 'a'
            or exists (select
                         from pg_aggregate g
                         join pg_proc p on p.oid in (g.aggtransfn, g.aggfinalfn, g.aggcombinefn) and p.oid >= 16384
                         join pg_language x on x.oid = p.prolang and not x.lanpltrusted
                        where g.aggfnoid = f.oid))
)
