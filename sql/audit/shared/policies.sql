-- The policies on tables of app. `sees_own` and `writes_own` tell whether they have the expected condition for reading
-- and for writing. Without WITH CHECK, PostgreSQL checks new rows with USING.
policies as (
    select t.name as relation, p.polname, quote_ident(p.polname) as name, t.relowner as owner, p.polpermissive,
           case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                         else 'all' end as command,
           (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname)
              from unnest(p.polroles) o (oid) left join pg_roles r on r.oid = o.oid) as receivers,
           pg_get_expr(p.polqual, p.polrelid) as using_text, pg_get_expr(p.polwithcheck, p.polrelid) as check_text,
           -- Whether the conditions are the expected one.
           p.polcmd = 'a' or pg_get_expr(p.polqual, p.polrelid) is not distinct from w.predicate as sees_own,
           p.polcmd in ('r', 'd')
           or coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid), '') = w.predicate
              as writes_own
      from pg_policy p
      join tables t on t.oid = p.polrelid
     cross join expected w
)
