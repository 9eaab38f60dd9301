-- Looks for: SECURITY DEFINER functions of extensions that run or explain the SQL that their caller passes, as an owner whom
--   no policy binds.
-- Why: even EXPLAIN runs code: PostgreSQL calls an IMMUTABLE function of the caller while it plans, as the owner. An explain
--   function of a superuser thus reads every row for its caller.
-- Severity: NOTE if only roles that were named may call it. FAIL if PUBLIC or requests may, and may use its schema.
-- Fix: revoke execute on routine ... from public; or an owner that has no more privileges than the function needs.
-- Controls: CIS 4.5; SOC 2 CC6.3
select 'RK-622', case when bool_or(d.open) then 'FAIL' else 'NOTE' end, 'bypass',
       format('%s may call %s (%s), which runs SQL as %s', string_agg(distinct d.receiver, ', '), d.signature, left(md5(d.body), 8),
              d.owner_name),
       'no policy binds that role: it reads every row for its caller',
       string_agg(distinct format('revoke execute on routine %s from %s;', d.signature, d.receiver), ' ') filter (where d.open),
       d.owner
  from definers d
 where d.extension
   and d.takes_text
   and not (d.names_app or d.of_trigger or d.ours)  -- checks/function_definers.sql has a line for those
   and (d.sensitive and d.lanname <> 'c' or d.lanname = 'c' and d.proname ~* '(exec|explain|query|sql)')
 group by d.oid, d.signature, d.owner, d.owner_name, d.body
