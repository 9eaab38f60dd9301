
-- Each line of psql's output. A setting keeps the number of FAILs for the last statement.
report (number, line, text) as (
    select 0, array[line]::bigint[], text from head_lines
    union all
    select number, line, text from lines
    union all
    select 1000000, null,
           format('%s facts: %s FAIL, %s NOTE, %s ACCEPTED', count(*), set_config('rowkeep.audit_fails',
                  (count(*) filter (where verdict = 'FAIL'))::text, true), count(*) filter (where verdict = 'NOTE'),
                  count(*) filter (where verdict = 'ACCEPTED'))
      from fixable
)

select text as audit from report order by number, line;

-- psql ends with status 3 after an error.
do $$
begin
    if current_setting('rowkeep.audit_fails') <> '0' then
        raise exception '% FAIL: run the fixes, then run the audit again', current_setting('rowkeep.audit_fails');
    end if;
end
$$;

rollback;
