-- Whether this login may make the schemas, or the roles are there already, so that a migration that fails leaves no role.
select has_database_privilege(current_database(), 'CREATE') or to_regrole('rowkeep_owner') is not null as may_create,
       current_user::text                                                                          as login,
       current_database()::text                                                                    as database
