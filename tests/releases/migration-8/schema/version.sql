-- The last migration that was applied to this database, and the digest of the policies that were applied last.
select migration, policies from app.schema_version()
