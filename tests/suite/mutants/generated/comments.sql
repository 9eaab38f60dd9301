-- Every comment on an object of app and rowkeep, changed and removed.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with commented as (
    select case x.type when 'table constraint' then regexp_replace(x.identity, '^(\S+) on (\S+)$', 'constraint \1 on \2')
                       when 'table column' then 'column ' || x.identity
                       when 'function' then 'function ' || d.objoid::regprocedure
                       else x.type || ' ' || x.identity end as target
      from pg_description d
     cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) x
     where x.schema in ('app', 'rowkeep')
        or x.identity ~ ' on (app|rowkeep)\.'
        or x.type = 'schema' and x.name in ('app', 'rowkeep')
),

changes (text, drift) as (values ('''other words''', 'is not as declared'), ('null', 'is declared, but does not exist'))

select format('comment on %s is %s', c.target, h.text) as damage,
       -- A check of its own looks at the comment of a constraint, and shows what differs.
       array[case when h.text = 'null' and c.target ~ '^constraint \S+_(length|blank) on app[.]'
                  then format('FAIL %s has no comment', c.target)
                  else format('FAIL drift comment on %s %s', c.target, h.drift) end] as notices, false as by_hand
  from commented c cross join changes h
 order by 1
