-- What a migration finds in the place of the schemas app and rowkeep. Reads catalogues only: the login can be one without
-- privileges on these schemas. One row for each schema that is there:
--   owner      its owner
--   contents   what it holds, at most five objects by name. Null: it is empty.
--   is_ours    whether Rowkeep made it: functions of requests are in app, or the owner of rowkeep is rowkeep_owner
--   history    whether rowkeep.migrations has rows, and the columns that Rowkeep writes
with history as (
    select exists (select
                     from pg_class c
                     join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = 'rowkeep'
                      and c.relname = 'migrations'
                      and c.relkind = 'r'
                      and pg_relation_size(c.oid) > 0
                      and (select count(*)
                             from pg_attribute a
                            where a.attrelid = c.oid
                              and a.attname in ('version', 'name', 'applied_on', 'checksum')
                              and not a.attisdropped) = 4) as is_there
),

ours as (
    select count(*) > 0 as are_there
      from pg_proc f
      join pg_namespace n on n.oid = f.pronamespace
     where n.nspname = 'app'
       and f.proname in ('current_user_id', 'identify', 'schema_version')
),

objects as (
    select d.refobjid as schema, pg_describe_object(d.classid, d.objid, 0) as name,
           row_number() over (partition by d.refobjid
                              order by d.classid <> 'pg_class'::regclass, pg_describe_object(d.classid, d.objid, 0) ~ '^sequence', d.objid) as number
      from pg_depend d
     where d.refclassid = 'pg_namespace'::regclass
       and d.classid <> 'pg_default_acl'::regclass
       -- Not the types that PostgreSQL makes for each table.
       and not exists (select from pg_type y
                        where d.classid = 'pg_type'::regclass and y.oid = d.objid and (y.typelem <> 0 or y.typrelid <> 0))
)

select n.nspname::text                   as schema,
       pg_get_userbyid(n.nspowner)::text as owner,
       (select string_agg(o.name, ', ' order by o.number) filter (where o.number <= 5)
               || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
          from objects o
         where o.schema = n.oid)         as contents,
       o.are_there or n.nspname = 'rowkeep' and (n.nspowner = to_regrole('rowkeep_owner')) is true as is_ours,
       h.is_there                        as has_history
  from pg_namespace n
 cross join history h
 cross join ours o
 where n.nspname in ('app', 'rowkeep')
 order by n.nspname
