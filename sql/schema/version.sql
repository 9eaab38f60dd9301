-- What has been applied to this database: the last migration, and the digest of the policies.
select migration, policies from app.schema_version()
