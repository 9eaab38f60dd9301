//! Every privilege of each kind of role on every object, as Postgres itself computes it: with memberships, PUBLIC and
//! attributes, which a list of grants does not show.

use super::super::support::texts;
use super::TestDatabase;

/// Every privilege of the role `$who` on objects that are not part of PostgreSQL. A column is listed if the privilege on its
/// table does not cover it. Types are left out, because PUBLIC may use them and they hold no data.
const PRIVILEGES: &str = "
    with ours as (
        select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
    ), relations as (
        select c.oid, c.relkind, c.oid::regclass::text as name from pg_class c join ours on ours.oid = relnamespace
    ), on_tables (privilege) as (
        select unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
                      || case when current_setting('server_version_num')::int >= 170000 then array['maintain'] end)
    ), rights (privilege, kind, name) as (
        select p, 'database', 'this' from unnest(array['create', 'connect', 'temporary']) p
         where has_database_privilege($who, current_database(), p || $option)
        union all
        select p, 'schema', nspname from ours, unnest(array['create', 'usage']) p
         where has_schema_privilege($who, oid, p || $option)
        union all
        select privilege, 'table', name from relations, on_tables
         where relkind in ('r', 'p', 'v', 'm', 'f') and has_table_privilege($who, oid, privilege || $option)
        union all
        select p, 'column', name || '.' || attname
          from relations r
          join pg_attribute a on a.attrelid = r.oid and not attisdropped
         cross join unnest(array['select', 'insert', 'update', 'references']) p
         where relkind in ('r', 'p', 'v', 'm', 'f') and has_column_privilege($who, r.oid, attnum, p || $option)
           and not has_table_privilege($who, r.oid, p || $option)
        union all
        select p, 'sequence', name from relations, unnest(array['usage', 'select', 'update']) p
         where relkind = 'S' and has_sequence_privilege($who, oid, p || $option)
        union all
        select 'execute', 'function', f.oid::regprocedure::text from pg_proc f join ours on ours.oid = pronamespace
         where has_function_privilege($who, f.oid, 'execute' || $option)
        union all
        select 'usage', 'language', lanname from pg_language where lanpltrusted and has_language_privilege($who, oid, 'usage' || $option)
        union all
        select 'usage', 'wrapper', fdwname from pg_foreign_data_wrapper
         where has_foreign_data_wrapper_privilege($who, oid, 'usage' || $option)
        union all
        select 'usage', 'server', srvname from pg_foreign_server where has_server_privilege($who, oid, 'usage' || $option)
        union all
        select 'create', 'tablespace', spcname from pg_tablespace
         where has_tablespace_privilege($who, oid, 'create' || $option)
        union all
        select p, 'parameter', name from pg_settings, unnest(array['set', 'alter system']) p
         where has_parameter_privilege($who, name, p || $option)
    )
    select format('%s %s: %s', kind, name, string_agg(privilege, ', ' order by privilege))
      from rights
     group by kind, name
     order by kind collate \"C\", name collate \"C\"";

/// The privileges of a role on PostgreSQL's own objects, beyond those of PUBLIC.
const PRIVILEGES_BEYOND_PUBLIC: &str = "
    select 'execute ' || oid::regprocedure from pg_proc
     where has_function_privilege($who, oid, 'execute') and not has_function_privilege('public', oid, 'execute')
       and pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    union all
    select privilege || ' ' || oid::regclass
      from pg_class, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) privilege
     where relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) and relkind <> 'i'
       and has_table_privilege($who, oid, privilege) and not has_table_privilege('public', oid, privilege)
    union all
    select privilege || ' ' || a.attrelid::regclass || '.' || attname
      from pg_attribute a join pg_class c on c.oid = a.attrelid,
           unnest(array['select', 'insert', 'update', 'references']) privilege
     where relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) and relkind in ('r', 'v')
       and has_column_privilege($who, a.attrelid, attnum, privilege)
       and not has_column_privilege('public', a.attrelid, attnum, privilege)
    union all
    select 'create in ' || nspname from pg_namespace
     where nspname ~ '^(pg_catalog|information_schema|pg_toast)' and has_schema_privilege($who, oid, 'create')
    union all
    select 'member of ' || rolname from pg_roles
     where pg_has_role($who, oid, 'MEMBER') and rolname <> $who and $who <> 'public'
     order by 1";

/// The privileges that PostgreSQL gives to PUBLIC.
const PRIVILEGES_OF_PUBLIC: [&str; 4] = [
    "database this: connect, temporary",
    "language plpgsql: usage",
    "language sql: usage",
    "schema public: usage",
];

async fn privileges(database: &TestDatabase, query: &str, who: &str, option: &str) -> Vec<String> {
    database.admin.batch_execute("set search_path = ''").await.expect("a setting");
    let query = query.replace("$who", &format!("'{who}'")).replace("$option", &format!("'{option}'"));
    texts(&database.admin, &query).await
}

/// `who` has the privileges of PUBLIC and `own`, and no grant option.
async fn assert_has(database: &TestDatabase, who: &str, own: &[&str]) {
    let mut expected: Vec<String> =
        PRIVILEGES_OF_PUBLIC.iter().chain(own).map(|right| (*right).to_owned()).collect();
    expected.sort();

    assert_eq!(privileges(database, PRIVILEGES, who, "").await, expected, "{who}");
    assert_eq!(privileges(database, PRIVILEGES, who, " with grant option").await, [""; 0], "{who}");
}

/// The privileges of a request: its tasks, its identity and the key of cursors.
const OF_REQUESTS: [&str; 10] = [
    "column app.tasks.completed: insert, update",
    "column app.tasks.description: insert, update",
    "column app.tasks.title: insert, update",
    "function app.accepted(): execute",
    "function app.current_user_id(): execute",
    "function app.cursor_key(): execute",
    "function app.identify(text): execute",
    "function app.schema_version(): execute",
    "schema app: usage",
    "table app.tasks: delete, select",
];

const OF_THE_AUDITOR: [&str; 7] = [
    "function app.accepted(): execute",
    "function app.schema_version(): execute",
    "schema app: usage",
    "schema rowkeep: usage",
    "table rowkeep.accepted: select",
    "table rowkeep.migrations: select",
    "table rowkeep.policies: select",
];

#[tokio::test]
async fn public_has_no_privilege_on_objects_of_rowkeep() {
    let database = TestDatabase::new().await;
    let unrelated = database.login("unrelated", "").await;

    assert_has(&database, "public", &[]).await;
    assert_has(&database, &unrelated, &[]).await;
    assert_eq!(privileges(&database, PRIVILEGES_BEYOND_PUBLIC, &unrelated, "").await, [""; 0]);
}

#[tokio::test]
async fn the_role_of_requests_has_exactly_what_a_request_needs() {
    let database = TestDatabase::new().await;

    assert_has(&database, "rowkeep_api", &OF_REQUESTS).await;
    assert_eq!(privileges(&database, PRIVILEGES_BEYOND_PUBLIC, "rowkeep_api", "").await, [""; 0]);
}

#[tokio::test]
async fn the_recommended_login_has_no_privilege_of_its_own() {
    let database = TestDatabase::new().await;

    assert_has(&database, "rowkeep_login", &OF_REQUESTS).await;
    assert_eq!(
        privileges(&database, PRIVILEGES_BEYOND_PUBLIC, "rowkeep_login", "").await,
        ["member of rowkeep_api"]
    );
}

#[tokio::test]
async fn the_auditor_has_the_history_and_no_table_of_users() {
    let database = TestDatabase::new().await;
    let member = database.login("auditor", "grant rowkeep_auditor to {}").await;

    assert_has(&database, "rowkeep_auditor", &OF_THE_AUDITOR).await;
    assert_has(&database, &member, &OF_THE_AUDITOR).await;
    assert_eq!(privileges(&database, PRIVILEGES_BEYOND_PUBLIC, "rowkeep_auditor", "").await, [""; 0]);
    assert_eq!(
        privileges(&database, PRIVILEGES_BEYOND_PUBLIC, &member, "").await,
        ["member of rowkeep_auditor"]
    );
}

#[tokio::test]
async fn the_owner_has_all_privileges_on_objects_of_rowkeep_and_no_others() {
    let database = TestDatabase::new().await;

    let rights = privileges(&database, PRIVILEGES, "rowkeep_owner", "").await;

    let tables = rights.iter().filter(|right| right.starts_with("table")).count();
    let (ours, others): (Vec<_>, Vec<_>) =
        rights.into_iter().partition(|right| right.contains(" app") || right.contains(" rowkeep"));
    assert_eq!((tables, others), (6, PRIVILEGES_OF_PUBLIC.map(str::to_owned).to_vec()));
    assert_eq!(privileges(&database, PRIVILEGES, "rowkeep_owner", " with grant option").await, ours);
    assert_eq!(privileges(&database, PRIVILEGES_BEYOND_PUBLIC, "rowkeep_owner", "").await, [""; 0]);
}

/// Shows that the query finds an additional privilege of any kind.
#[tokio::test]
async fn an_additional_privilege_is_found() {
    let database = TestDatabase::new().await;
    let grants = [
        (
            "grant select (title) on app.tasks to rowkeep_auditor",
            "rowkeep_auditor",
            "column app.tasks.title: select",
        ),
        ("grant truncate on app.tasks to public", "rowkeep_api", "table app.tasks: delete, select, truncate"),
        (
            "grant usage on sequence app.tasks_id_seq to rowkeep_api",
            "rowkeep_login",
            "sequence app.tasks_id_seq: usage",
        ),
        (
            "grant set on parameter log_statement to rowkeep_api",
            "rowkeep_login",
            "parameter log_statement: set",
        ),
        ("grant pg_read_all_data to rowkeep_auditor", "rowkeep_auditor", "table app.tasks: select"),
        ("grant create on schema app to public", "rowkeep_api", "schema app: create, usage"),
    ];

    for (grant, who, right) in grants {
        // Roles and parameters belong to the whole cluster, so everything is rolled back.
        database.admin.batch_execute(&format!("begin; {grant}")).await.expect(grant);
        let rights = privileges(&database, PRIVILEGES, who, "").await;
        database.admin.batch_execute("rollback").await.expect("an end");

        assert!(rights.iter().any(|found| found == right), "{grant}: {rights:#?}");
    }
}
