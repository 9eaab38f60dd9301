-- Looks for: a PostgreSQL release that is not supported, or that has known holes in row-level security.
-- Why: a hole in the server shows rows in spite of the policies.
-- Severity: FAIL below 15, which Rowkeep does not support. NOTE below the first safe minor release. One hole needs an
--   upsert, which Rowkeep does not send. The other needs a role that lost BYPASSRLS while it was connected. NOTE also
--   for a release that this audit does not know. OK otherwise.
-- Fix: update PostgreSQL.
-- Controls: CIS 1.5; SOC 2 CC7.1
select 'RK-101', case when v.number < 150000 then 'FAIL'
                      when s.major is null or v.number % 10000 < s.minor then 'NOTE' else 'OK' end,
       'server', format('PostgreSQL %s.%s', v.number / 10000, v.number % 10000),
       case when v.number < 150000 then 'older than 15: not supported'
            when s.major is null then 'newer than this audit, which knows 15 to 18'
            when v.number % 10000 < s.minor
                 then format('holes in row security (CVE-2026-14666, CVE-2026-120154) before %s.%s',
                             s.major, s.minor)
            else 'this audit knows no hole in its row security' end,
       case when v.number % 10000 < s.minor then format('by hand: update PostgreSQL to %s.%s', s.major, s.minor)
            when v.number < 150000 then 'by hand: update PostgreSQL' end,
       null
  from (select current_setting('server_version_num')::integer as number) v
  left join safe_releases s on s.major = v.number / 10000
