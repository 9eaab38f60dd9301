-- What cannot be accepted, because the server does not start with it, or because the proof shows it: with these ids all
-- findings of that verdict whose subject matches, alone or with the difference on the lines below it.
refused (id, verdict, subject) as (values
    ('RK-101', 'FAIL', ''),                                     -- a release without support
    ('RK-201', 'FAIL', '^rowkeep_(api|owner)$|^rowkeep_api .*(SUPERUSER|BYPASSRLS)'),
    ('RK-202', 'FAIL', '^rowkeep_api '),
    ('RK-203', 'FAIL', '^rowkeep_api '),
    ('RK-211', 'FAIL', '^(app|rowkeep)$'),                      -- a missing schema
    ('RK-301', 'FAIL', ''),
    ('RK-302', 'FAIL', '^(?!.* collate "C")'),                  -- user ids are not compared byte by byte
    ('RK-302', 'FAIL', '^app\.tasks: (?!.* default )'),         -- no create fills it
    ('RK-307', 'FAIL', ''),
    ('RK-311', 'FAIL', ': RESTRICTIVE '),
    ('RK-312', 'FAIL', ''),
    ('RK-313', 'NOTE', ' select'),
    ('RK-321', 'FAIL', '^(?!.* calls )'),                       -- a disabled trigger
    ('RK-322', 'FAIL', ''),
    ('RK-341', 'FAIL', ': (kind|owner|row security|column user_id|policy (fence|owner_only)|trigger tasks_touch|role) \(definition '),
    ('RK-341', 'FAIL', '^app\.current_user_id\(\) on '),
    ('RK-401', 'FAIL', ''),
    ('RK-402', 'FAIL', ''),
    ('RK-403', 'FAIL', ''),
    ('RK-407', 'FAIL', ''),
    ('RK-411', 'FAIL', ' is owned by rowkeep_api$'),
    ('RK-408', 'FAIL', ''),
    ('RK-503', 'FAIL', '^\w+ on other table .* to (?!rowkeep_auditor)'),
    ('RK-511', 'FAIL', ' stores session_replication_role = '),
    ('RK-512', 'FAIL', ''),
    ('RK-801', 'FAIL', ''),
    ('RK-805', 'FAIL', ''),
    ('RK-901', 'FAIL', ''),
    ('RK-902', 'FAIL', '^grant of .* on (table app\.tasks|schema app|function app\..*) to rowkeep_api is declared'),
    ('RK-902', 'FAIL', '^column app\.tasks\..* is (not as )?declared[, ]'),
    ('RK-902', 'FAIL', '^column app\.tasks\.\S+ exists, but is not declared\n\+ .* not null$'),   -- no create fills it
    ('RK-902', 'FAIL', '^(table app\.tasks|collation app\.letters|function app\..*) is declared, but does not exist'),
    ('RK-911', 'FAIL', ''),
    ('RK-911', 'NOTE', '')
),

-- A name can contain any character. Here no character of a name can end a line, or look like another letter: the subject
-- has them as U&'...' does, so that two subjects are never printed alike.
printed as (
    select f.id, f.verdict, f.area, n.subject, regexp_replace(coalesce(f.fact, ''), '[^ -~]+', '?', 'g') as fact, f.shown,
           -- A replaced character would make it a statement about another object. Line breaks are part of a statement.
           case when f.verdict = 'OK' or f.fix = '' then null
                when n.fix ~ '[^ -~\n]' or f.position = 0 and n.fix ~ '\n'
                then 'by hand: it takes a name that cannot be printed here'
                else n.fix end as fix, f.fixer, f.position
      from found f
     -- Whether names of the fix are written otherwise. Where a text could be taken for a name, the statement stays as it is.
     cross join lateral (
           select (f.fix ~ '[^ -~\n]' or f.position = 0 and f.fix ~ '\n') and f.fix !~ '(?i)\$|--|\me''' as named) w
     -- The subject, and each quoted name of the fix: PostgreSQL reads that as U&"...".
     cross join lateral (
           select string_agg(e.text, '' order by t.number) filter (where t.of_subject) as subject,
                  case when w.named then string_agg(e.text, '' order by t.number) filter (where not t.of_subject)
                       else f.fix end as fix
             from (select true, 0::bigint, f.subject, f.subject ~ '[^ -~]|\\'
                    union all
                   select false, m.number, m.part[1], m.part[1] ~ '^".*[^ -~].*"$'
                     from regexp_matches(f.fix, '''(?:[^'']|'''')*''|"(?:[^"]|"")*"|[^''"]+|.', 'g')
                          with ordinality m (part, number)
                    where w.named) t (of_subject, number, text, escapes)
            cross join lateral (
                  select case when not t.escapes then t.text
                              else case when t.of_subject then '' else 'U&' end
                                   || (select string_agg(case when ascii(c) between 32 and 126 and c <> '\' then c
                                                              when ascii(c) < 65536 then '\' || lpad(to_hex(ascii(c)), 4, '0')
                                                              else '\+' || lpad(to_hex(ascii(c)), 6, '0') end, ''
                                                         order by x.number)
                                         from string_to_table(t.text, null) with ordinality x (c, number)) end) e (text)) n
),

judged (id, verdict, area, subject, fact, shown, fix, fixer, position, why, who, until) as (
    select p.id, case when a.holds and not a.void then 'ACCEPTED' else p.verdict end, p.area, p.subject,
           concat_ws('; ', nullif(p.fact, ''),
                     case when a.void then 'rowkeep.accepted has it, but the server does not start with it or the proof shows it'
                          when not a.holds then 'it was accepted until ' || a.until || ', which is over' end),
           p.shown, p.fix, p.fixer, p.position,
           case when a.holds and not a.void then a.why end, case when a.holds and not a.void then a.who end,
           case when a.holds and not a.void then a.until end
      from printed p
      left join lateral (
           select a.*, exists (select from refused r
                               where (r.id, r.verdict) = (p.id, p.verdict)
                                 and (p.subject ~ r.subject or concat(p.subject, E'\n', p.shown) ~ r.subject)) as void
             from accepted a
            where (a.id, a.subject) = (p.id, p.subject)) a on p.verdict <> 'OK'
    union all
    select case when v.void then 'RK-921' else 'RK-922' end, 'NOTE', 'accepted',
           regexp_replace(format('%s %s', a.id, a.subject), '[^ -~]+', '?', 'g'),
           case when v.void then 'cannot be accepted' else 'is accepted, and was not found' end, null,
           format('delete from rowkeep.accepted where (id, subject) = (%L, %L);', a.id, a.subject),
           (select o.oid::text from pg_roles o where o.rolname = 'rowkeep_owner'), 0, null, null, null
      from accepted a
     cross join lateral (
           -- An OK counts where policies/00_reset.sql keeps the privilege for the row.
           select exists (select from printed p where (p.id, p.subject) = (a.id, a.subject)
                                                  and (p.verdict <> 'OK' or p.id in ('RK-212', 'RK-503', 'RK-504'))) as found,
                  exists (select
                            from refused r
                            join printed p on (p.id, p.verdict) = (r.id, r.verdict)
                             and (p.subject ~ r.subject or concat(p.subject, E'\n', p.shown) ~ r.subject)
                           where (p.id, p.subject) = (a.id, a.subject)) as void) v
     where v.void
        -- Nobody knows whether these are still there if drift was not looked for: by psql, and in a database of another release.
        or not v.found and (a.id < 'RK-9' or exists (select from printed p
                                                      where p.id = 'RK-901' and (p.verdict = 'OK' or p.subject ~ ' is unknown$')))
    union all
    -- The privilege to write can be a FAIL of its own: one cause is one FAIL.
    select 'RK-923',
           case when t.is_open and not exists (select
                                                 from printed p
                                                where (p.id, p.verdict) = ('RK-503', 'FAIL') and p.subject ~ ' on rowkeep\.accepted[. ]')
                then 'FAIL' else 'NOTE' end, 'accepted', 'rowkeep.accepted', t.problem, null,
           case when t.is_open then 'by hand: review each row and delete those that nobody has decided, then take the right to '
                                    'write it away' end,
           null, 0, null, null, null
      from accepted_table t
     where t.problem is not null
),

-- `fixed_by`: who must run the fix, if this login cannot. `fixer` is the oid of the role that must run it, or 0: a superuser,
-- or 'admin ' and the oid of the role that it changes: a login with CREATEROLE, which needs ADMIN on that role since
-- PostgreSQL 16.
fixable as (
    select j.*, row_number() over (order by j.id, j.position, j.subject collate "C", j.fact collate "C") as number,
           case when j.fixer is null or j.fix is null or me.rolsuper or j.fix ~ '^by hand' then null
                when j.fixer = '0' or o.rolsuper then case when hosted.yes then 'your provider' else coalesce(regexp_replace(quote_ident(o.rolname), '[^ -~]+', '?', 'g'), 'a superuser') end
                when j.fixer like 'admin %' and s.old then case when not me.rolcreaterole then 'a login with CREATEROLE' end
                when j.fixer like 'admin %'
                then case when not me.rolcreaterole or not pg_has_role(session_user, substr(j.fixer, 7)::oid, 'MEMBER WITH ADMIN OPTION')
                          then coalesce((select regexp_replace(quote_ident(min(r.rolname)), '[^ -~]+', '?', 'g')
                                           from pg_roles r
                                          where r.rolcreaterole and r.rolcanlogin and not r.rolsuper
                                            and pg_has_role(r.oid, substr(j.fixer, 7)::oid, 'MEMBER WITH ADMIN OPTION')),
                                        case when hosted.yes then 'your provider' else 'a superuser' end) end
                when not pg_has_role(session_user, j.fixer::oid, 'USAGE')
                then coalesce(regexp_replace(quote_ident(o.rolname), '[^ -~]+', '?', 'g'), 'its owner') end as fixed_by
      from judged j
      left join pg_roles o on o.oid::text = j.fixer
     cross join pg_roles me
     cross join (select current_setting('server_version_num')::integer < 160000 as old) s
     cross join (select exists (select
                                  from pg_roles
                                 -- The role that a service gives its customers in the place of a superuser.
                                 where rolname ~ '.superuser$' and not rolsuper
                                    or rolname in ('azure_pg_admin', 'supabase_admin', 'cloud_admin', 'avnadmin', 'tsdbadmin',
                                                   'doadmin', 'heroku_admin')) as yes) hosted
     where me.rolname = session_user
),

-- The lines of each finding: the fact, a difference, the acceptance, the fix. Long lines continue on the next, and a word
-- that is too long for a line is split. A fix can be copied: it is broken at no place where a name or a text could be, and
-- a function, whose body has lines of its own, is not indented. Such a text is always this release's.
lines (number, line, text) as (
    select f.number, array[p.part, p.line, l.number],
           case when p.part = 1 and l.number = 1 then rpad(f.verdict, 9) || f.id || ' ' || rpad(f.area, 11) || ' '
                when p.part = 4 and p.line > 1 and f.position > 0 and f.fix ~ '^CREATE OR REPLACE FUNCTION app\.' then ''
                else repeat(' ', 28) end
           || case when p.part = 2 and l.number > 1 then '    ' else '' end || rtrim(l.text)
      from fixable f
     cross join lateral (
           select 1, 1::bigint, concat_ws(': ', f.subject, nullif(f.fact, '')), true
           union all
           select 2, s.number, regexp_replace(s.text, '[^ -~]', '?', 'g'), true
             from string_to_table(f.shown, E'\n') with ordinality s (text, number)
           union all
           select 3, 1, regexp_replace(format('accepted by %s %s: %s', f.who, coalesce('until ' || f.until, 'without end'), f.why),
                                       '[^ -~]+', '?', 'g'), true
            where f.verdict = 'ACCEPTED'
           union all
           select 4, s.number, case s.number when 1 then concat('fix', case f.fixed_by when 'your provider' then ' by ' else ' as ' end || f.fixed_by, ': ')
                                  else '' end || s.text,
                  f.fix !~ '[''"$]'
             from string_to_table(f.fix, E'\n') with ordinality s (text, number)
            where f.verdict <> 'ACCEPTED') p (part, line, text, breaks)
     cross join lateral (
           select w.number, w.words[1]
             from regexp_matches(regexp_replace(p.text, '(\S{82})(?=\S)', '\1 ', 'g'),
                                 case p.part when 2 then '.{1,86}(?:\s+|$)' else '.{1,90}(?:\s+|$)' end, 'g')
                  with ordinality w (words, number)
            where p.breaks
           union all
           select 1, p.text where not p.breaks) l (number, text)
),

-- The database and the releases that the report is about. Of two reports of one database, only these lines differ.
head as (
    select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as time,
           coalesce(r.host, host(inet_server_addr()) || ':' || inet_server_port(), 'a local socket') as host,
           current_database()::text as database, session_user::text as login,
           split_part(current_setting('server_version'), ' ', 1) as server, r.release,
           coalesce(m.migration, v.migration) as migration, m.migrations, coalesce(p.policies, v.policies) as policies
      from release r
      left join lateral (
           select max(x.version), md5(string_agg(format('%s %s %s', x.version, x.name, x.checksum), ',' order by x.version))
             from optional_rows o
            cross join jsonb_to_recordset(o.rows) x (version integer, name text, checksum text)
            where o.name = 'rowkeep.migrations') m (migration, migrations) on true
      left join lateral (
           select x.digest
             from optional_rows o
            cross join jsonb_to_recordset(o.rows) x (id bigint, digest text)
            where o.name = 'rowkeep.policies'
            order by x.id desc limit 1) p (policies) on true
      left join lateral (
           select x.migration, x.policies
             from optional_rows o
            cross join jsonb_to_recordset(o.rows) x (migration integer, policies text)
            where o.name = 'app.schema_version()') v on true
),

head_lines (line, text) as (
    select n.line, regexp_replace(n.text, '[^ -~]', '?', 'g')
      from head h
     cross join lateral (values
           (1, format('audit of database %s on %s as %s at %s', h.database, h.host, h.login, h.time)),
           (2, format('PostgreSQL %s; Rowkeep %s; migration %s (%s); policies %s', h.server, h.release,
                      coalesce(h.migration::text, 'unknown'), coalesce(left(h.migrations, 12), 'not read'),
                      coalesce(left(h.policies, 12), 'unknown')))) n (line, text)
)
