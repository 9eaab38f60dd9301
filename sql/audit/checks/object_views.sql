-- Looks for: views, materialized views and rules of other tables that read a table of app. Also materialized views of a
--   function whose text names a table of app.
-- Why: a view reads as its owner unless it has security_invoker, and a materialized view keeps a copy. Policies for the
--   caller then do not apply.
-- Severity: FAIL for these. NOTE for a view with security_invoker, which is safe.
-- Fix: alter view ... set (security_invoker = true); or drop materialized view ... cascade;
-- Controls: SOC 2 CC6.1
select 'RK-802', case when c.relkind <> 'v' or not i.invoker then 'FAIL' else 'NOTE' end, 'objects',
       format('%s %s (definition %s)', case c.relkind when 'm' then 'materialized view' when 'v' then 'view' else 'table' end,
              c.oid::regclass, left(md5(pg_get_viewdef(c.oid)), 8)),
       case when c.relkind = 'm' then 'keeps a copy of rows, to which no policy applies'
            when c.relkind <> 'v' then 'has a rule that reads app as the owner of the table'
            when i.invoker then 'reads as its caller (security_invoker)'
            else 'reads as its owner (no security_invoker)' end,
       case when c.relkind = 'm' then format('drop materialized view %s cascade;', c.oid::regclass)
            when c.relkind <> 'v'
            then (select string_agg(format('drop rule %I on %s;', w.rulename, c.oid::regclass), ' ' order by w.rulename)
                    from pg_rewrite w where w.ev_class = c.oid)
            when not i.invoker then format('alter view %s set (security_invoker = true);', c.oid::regclass) end,
       c.relowner
  from views v
  join pg_class c on c.oid = v.oid
 cross join lateral (
       select coalesce(bool_or(o.option_value::boolean), false) as invoker
         from pg_options_to_table(c.reloptions) o
        where o.option_name = 'security_invoker') i
