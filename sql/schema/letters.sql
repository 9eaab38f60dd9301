-- The rules by which searches ignore case, for the log.
select case collprovider when 'i' then 'ICU' when 'b' then 'PostgreSQL' else 'the C library' end as library,
       coalesce(to_jsonb(k) ->> 'colllocale', to_jsonb(k) ->> 'colliculocale', collctype)        as locale
  from pg_collation k
 where oid = 'app.letters'::regcollation
