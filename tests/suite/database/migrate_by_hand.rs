//! `cat policies/*.sql | psql -1 -v ON_ERROR_STOP=1` does what `rowkeep migrate --reapply-policies` does.

use std::process::Stdio;

use rowkeep::schema;
use tokio::io::AsyncWriteExt;

use super::catalogue::{described, pristine};
use super::support::texts;
use crate::world::{Database, cluster};

/// Changes that a database may have after years of manual work.
const VANDALISM: &str = "
    create role {other_role};
    create role {other} nologin;
    create policy hole on app.tasks using (true) with check (true);
    create policy \"odd; \"\"name\" on app.tasks for select to {other_role} using (true);
    alter policy fence on app.tasks using (true);
    alter policy owner_only on app.tasks to public;
    comment on policy fence on app.tasks is null;
    alter table app.tasks disable row level security;
    alter table app.tasks no force row level security;
    grant all on app.tasks to public;
    grant all on app.tasks to {other_role} with grant option;
    grant select (user_id), update (user_id), references (id) on app.tasks to {other};
    grant insert (user_id, id) on app.tasks to rowkeep_api;
    grant truncate, trigger on app.tasks to rowkeep_api;
    grant all on sequence app.tasks_id_seq to public, rowkeep_api;
    grant execute on all functions in schema app to public, {other_role};
    grant all on schema app, rowkeep to public, {other_role}, rowkeep_api;
    grant all on all tables in schema rowkeep to rowkeep_api, {other};
    revoke select on app.tasks from rowkeep_api;
    revoke execute on function app.identify(text) from rowkeep_api;
    alter default privileges in schema app grant all on tables to public, {other_role};
    alter default privileges in schema app grant all on sequences to {other_role};
    alter default privileges in schema app grant execute on functions to {other_role};
    alter default privileges for role rowkeep_owner in schema app grant select on tables to rowkeep_api;
    alter default privileges for role rowkeep_owner in schema rowkeep grant all on tables to public;
    alter default privileges for role rowkeep_owner grant all on tables to {other_role};
    alter default privileges for role rowkeep_owner grant usage on schemas to public;";

async fn vandalised() -> Database {
    let database = Database::new().await;
    let damage = VANDALISM
        .replace("{other_role}", &format!("\"Other role of {}\"", database.name))
        .replace("{other}", &format!("other_{}", database.name));
    database.superuser().await.batch_execute(&damage).await.expect("vandalism");
    database
}

/// Applies the policies with a shell pipe, as the first lines of `policies/` say.
async fn by_hand(database: &Database) {
    by_hand_of(database, "postgres").await;
}

async fn by_hand_of(database: &Database, login: &str) {
    let root = env!("CARGO_MANIFEST_DIR");
    let cluster = cluster().await;
    let psql = cluster.programs().path("psql");
    let script = format!(
        "cat {root}/policies/*.sql | {} -X -q -1 -v ON_ERROR_STOP=1 -h {} -p 5432 -U {login} -d {}",
        psql.display(),
        cluster.socket_directory().display(),
        database.name
    );
    let mut shell = tokio::process::Command::new("sh").stdin(Stdio::piped()).spawn().expect("a shell");
    let mut stdin = shell.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).await.expect("a script");
    drop(stdin);
    assert!(shell.wait().await.expect("an end").success());
}

#[tokio::test]
async fn applying_the_policies_with_psql_leaves_a_migrated_database_unchanged() {
    let database = Database::new().await;

    by_hand(&database).await;

    assert_eq!(described(&database.superuser().await).await, pristine().await);
}

#[tokio::test]
async fn applying_the_policies_with_psql_revokes_other_grants() {
    let database = vandalised().await;
    assert_ne!(described(&database.superuser().await).await, pristine().await);

    by_hand(&database).await;

    assert_eq!(described(&database.superuser().await).await, pristine().await);
}

#[tokio::test]
async fn applying_the_policies_with_rowkeep_revokes_other_grants() {
    let database = vandalised().await;

    schema::migrate(&database.address("postgres"), true).await.expect("a migration");

    assert_eq!(described(&database.superuser().await).await, pristine().await);
}

#[tokio::test]
async fn any_member_of_the_owner_can_apply_the_policies_with_psql() {
    for inherit in ["inherit", "noinherit"] {
        let database = Database::new().await;
        let login = format!("{inherit}_{}", database.name);
        let damage = format!(
            "create role {login} login {inherit}; grant rowkeep_owner to {login};
             create policy hole on app.tasks using (true); grant all on app.tasks to public"
        );
        database.superuser().await.batch_execute(&damage).await.expect("a login, and a damaged database");

        by_hand_of(&database, &login).await;

        assert_eq!(described(&database.superuser().await).await, pristine().await, "{inherit}");
    }
}

/// A role with grant option has granted its privilege to another role: both lose it.
#[tokio::test]
async fn applying_the_policies_revokes_what_a_grantee_granted() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let (first, second) = (format!("first_{}", database.name), format!("second_{}", database.name));
    let chain = format!(
        "create role {first}; create role {second};
         grant usage on schema app to {first} with grant option;
         grant all on app.tasks to {first} with grant option;
         grant select (title) on app.tasks to {first} with grant option;
         grant execute on function app.identify(text) to {first} with grant option;
         set role {first};
         grant usage on schema app to {second};
         grant all on app.tasks to {second};
         grant select (title) on app.tasks to {second}, public;
         grant execute on function app.identify(text) to {second};
         reset role"
    );
    admin.batch_execute(&chain).await.expect("grants");

    schema::migrate(&database.address("postgres"), true).await.expect("a migration");

    assert_eq!(described(&admin).await, pristine().await);
}

#[tokio::test]
async fn nobody_has_privileges_on_new_objects_until_the_policies_grant_them() {
    let database = vandalised().await;
    by_hand(&database).await;
    let admin = database.superuser().await;
    let later = "set role rowkeep_owner; create table app.notes (user_id text); create sequence app.numbers; reset role;
                 create table app.of_a_superuser (user_id text)";
    admin.batch_execute(later).await.expect("new things");

    let granted = "select relname::text from pg_class, aclexplode(relacl)
                    where relname in ('notes', 'numbers', 'of_a_superuser') and grantee <> relowner";
    assert_eq!(texts(&admin, granted).await, [""; 0]);
}

/// Grants that a DBA has accepted, and others beside them.
const ACCEPTED: &str = "
    create role {kept} nologin;
    grant usage on schema rowkeep to {kept};
    grant select (user_id), select (title) on app.tasks to {kept};
    grant truncate, delete on app.tasks to {kept};
    grant execute on function app.schema_version() to {kept}, public;
    grant select on rowkeep.policies to {kept} with grant option;
    alter default privileges for role rowkeep_owner in schema app grant select, insert on tables to {kept};
    alter default privileges for role rowkeep_owner in schema app grant usage on sequences to {kept} with grant option;
    alter default privileges for role rowkeep_owner in schema rowkeep grant select on tables to {kept};
    insert into rowkeep.accepted (id, subject, why, until) values
        ('RK-212', 'rowkeep: usage to {kept}', 'a test', null),
        ('RK-503', 'select on app.tasks.user_id to {kept}', 'a test', current_date + 1),
        ('RK-503', 'truncate on app.tasks to {kept}', 'a test', null),
        ('RK-503', 'delete on app.tasks to {kept}', 'over', current_date - 2),
        ('RK-502', 'select on app.tasks.title to {kept}', 'another check', null),
        ('RK-503', 'execute on app.schema_version() to {kept}', 'a test', null),
        ('RK-503', 'select on rowkeep.policies to {kept}, with grant option', 'a test', null),
        ('RK-504', 'future objects of rowkeep_owner in schema app are granted to {kept}: insert, select', 'a test', null),
        ('RK-504', 'future objects of rowkeep_owner in schema app are granted to {kept}: usage', 'not the option', null);";

/// Every privilege that is not the owner's, one a line.
const PRIVILEGES: &str = "
    select format('%s %s%s', r.rolname, lower(a.privilege_type), case when a.is_grantable then '*' else '' end) || ' ' || o.name
      from (select 'schema ' || nspname, nspacl, nspowner from pg_namespace where nspname in ('app', 'rowkeep')
            union all
            select oid::regclass::text, relacl, relowner from pg_class
             where relnamespace in ('app'::regnamespace, 'rowkeep'::regnamespace)
            union all
            select attrelid::regclass || '.' || attname, attacl, relowner
              from pg_attribute join pg_class c on c.oid = attrelid and relnamespace = 'app'::regnamespace
            union all
            select oid::regprocedure::text, proacl, proowner from pg_proc where pronamespace = 'app'::regnamespace
            union all
            select 'in ' || nspname, defaclacl, defaclrole from pg_default_acl join pg_namespace n on n.oid = defaclnamespace) o (name, acl, owner)
     cross join aclexplode(o.acl) a
      left join pg_roles r on r.oid = a.grantee
     where a.grantee <> o.owner and coalesce(r.rolname not like 'rowkeep%', true)
     order by 1";

#[tokio::test]
async fn the_policies_keep_the_grants_that_a_dba_has_accepted_and_revoke_all_others() {
    for way in ["psql", "rowkeep"] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        let kept = format!("kept_{}", database.name);
        admin.batch_execute(&ACCEPTED.replace("{kept}", &kept)).await.expect("grants");

        match way {
            "psql" => by_hand(&database).await,
            _ => drop(schema::migrate(&database.address("postgres"), true).await.expect("a migration")),
        }

        let expected = [
            "execute app.schema_version()",
            "insert in app",
            "select app.tasks.user_id",
            "select in app",
            "select* rowkeep.policies",
            "truncate app.tasks",
            "usage schema rowkeep",
        ];
        let expected: Vec<_> = expected.iter().map(|grant| format!("{kept} {grant}")).collect();
        assert_eq!(texts(&admin, PRIVILEGES).await, expected, "{way}");
        assert_eq!(texts(&admin, "select count(*)::text from rowkeep.accepted").await, ["9"], "{way}");
    }
}

/// The rows are those of a role that keeps its own privileges with them, or of a child table that it can write.
#[tokio::test]
async fn the_policies_keep_nothing_while_another_role_can_write_what_is_accepted() {
    let planted = "insert into {table} (id, subject, why)
                   values ('RK-503', 'truncate on app.tasks to {kept}', 'planted'),
                          ('RK-503', 'insert on rowkeep.accepted to {kept}', 'planted')";
    let child = "create table rowkeep.child () inherits (rowkeep.accepted)";
    for (table, open) in [
        ("rowkeep.accepted", "grant insert on rowkeep.accepted to {kept}"),
        ("rowkeep.accepted", "grant update (until) on rowkeep.accepted to {kept}"),
        ("rowkeep.accepted", "grant insert on rowkeep.accepted to public"),
        ("rowkeep.child", child),
    ] {
        for way in ["psql", "rowkeep"] {
            let database = Database::new().await;
            let admin = database.superuser().await;
            let kept = format!("kept_{}", database.name);
            let damage =
                format!("create role {{kept}}; grant truncate on app.tasks to {{kept}}; {open}; {planted}");
            let damage = damage.replace("{kept}", &kept).replace("{table}", table);
            admin.batch_execute(&damage).await.expect("grants");

            match way {
                "psql" => by_hand(&database).await,
                _ => drop(schema::migrate(&database.address("postgres"), true).await.expect("a migration")),
            }

            assert_eq!(texts(&admin, PRIVILEGES).await, [""; 0], "{way}: {open}");
        }
    }
}
