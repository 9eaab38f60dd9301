-- Looks for: SECURITY DEFINER functions of extensions that run or explain the SQL that their caller passes, as an owner whom
--   no policy binds.
-- Why: even EXPLAIN runs code: PostgreSQL calls an IMMUTABLE function of the caller while it plans, as the owner. An explain
--   function of a superuser thus reads every row for its caller.
-- Severity: NOTE if only roles that were named may call it. FAIL if PUBLIC or requests may.
-- Fix: revoke execute on routine ... from public; or an owner that has no more privileges than the function needs.
select 'RK-622', case when s.anybody then 'FAIL' else 'NOTE' end, 'bypass',
       format('%s may call %s (%s), which runs SQL as %s', s.callers, s.oid::regprocedure, left(md5(f.prosrc), 8), o.name),
       'no policy binds that role: it reads every row for its caller',
       s.fix,
       case when s.anybody then s.owner end
  from sql_runners s
  join pg_proc f on f.oid = s.oid
  join roles o on o.oid = s.owner
