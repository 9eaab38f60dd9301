-- Looks for: rules for sorting text that have changed since the database recorded them: of the database, of the collations
--   that its columns and indexes use, and of app.letters, which searches use.
-- Why: an upgrade of the operating system or of ICU can change the order of letters. An index that was built in the old
--   order then does not find some rows.
-- Severity: NOTE. Rows of users are found all the same, because user ids are compared byte by byte.
-- Fix: reindex concurrently, then alter ... refresh collation version. Without "concurrently" nobody can write meanwhile, and
--   PostgreSQL 15 builds the catalogues of the whole cluster anew, so that nobody can log in anywhere.
select 'RK-104', 'NOTE', 'server',
       format('%s changed from version %s to %s', c.name, c.recorded, coalesce(c.actual, '(unknown)')),
       format('the rules for sorting text have changed; %s',
              case when c.indexed then 'indexes on text may miss rows' else 'no index uses them' end),
       format('%salter %s refresh%s version;',
              case when c.indexed then format('reindex database concurrently %I; ', current_database()) end, c.name, c.word),
       c.owner
  from collation_versions c
 where c.recorded <> coalesce(c.actual, '')
