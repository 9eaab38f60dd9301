-- Looks for: LEAKPROOF functions outside app that initdb did not make.
-- Why: PostgreSQL may call such a function before it has applied the policy, so the function sees rows of all users.
-- Severity: FAIL for a new function. NOTE for a function of PostgreSQL that was marked later. The functions of
--   extensions in C are left out, because their authors vouch for them.
-- Fix: alter function ... not leakproof;
-- Controls: CIS 4.7
select 'RK-413', case when f.oid < 16384 then 'NOTE' else 'FAIL' end, 'function',
       format('%s is LEAKPROOF', f.oid::regprocedure), 'it may see rows before the policy hides them',
       format('alter function %s not leakproof;', f.oid::regprocedure), f.proowner
  from pg_proc f
  join pg_language l on l.oid = f.prolang
 where f.proleakproof
   and (f.pronamespace not in (select oid from schemas) or f.oid in (select oid from strange_functions))
   -- Not the functions that initdb marked.
   and (f.oid >= 16384 or f.xmin <> '1')
   and not (l.lanname = 'c'
            and exists (select
                          from extension_members x
                         where x.classid = 'pg_proc'::regclass and x.objid = f.oid and x.extname <> 'plpgsql'))
