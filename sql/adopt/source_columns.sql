-- The columns of the source in their order.
--   type   as SQL writes it
--   kind   what the type is for an adoption; that of a domain is its base type's
--   $1 relation
select a.attname::text                       as name,
       format_type(a.atttypid, a.atttypmod)  as type,
       a.attnotnull                          as is_required,
       case when b.oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 'integer'
            when b.oid = 'uuid'::regtype                                      then 'uuid'
            when b.oid = 'bool'::regtype                                      then 'boolean'
            when b.oid = 'timestamptz'::regtype                               then 'instant'
            when b.oid = 'timestamp'::regtype                                 then 'local time'
            when b.typcategory = 'S'                                          then 'text'
            else 'other'
       end                                   as kind
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
 where a.attrelid = $1
   and a.attnum > 0
   and not a.attisdropped
 order by a.attnum
