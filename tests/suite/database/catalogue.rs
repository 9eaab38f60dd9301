//! The complete list of policies, privileges, functions and the like: any additional one fails here.

use tokio_postgres::Client;

use super::support::texts;
use crate::world::Database;

const POLICIES: &str = "
    select format('%s on %s: %s for %s to %s using %s check %s',
                  polname, polrelid::regclass,
                  case when polpermissive then 'permissive' else 'restrictive' end,
                  case polcmd when '*' then 'all' else polcmd::text end,
                  (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r)
                     from unnest(polroles) r),
                  pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
      from pg_policy
     order by 1";

const PERMISSIONS_IN_WORDS: &str = "
    select concat(polname, ': ', obj_description(oid, 'pg_policy')) from pg_policy order by 1";

const TABLES: &str = "
    select format('%s %s of %s%s%s', relkind, oid::regclass, relowner::regrole,
                  case when relrowsecurity then ', row security' end,
                  case when relforcerowsecurity then ', forced' end)
      from pg_class
     where relnamespace in ('app'::regnamespace, 'rowkeep'::regnamespace) and relkind <> 'i'
     order by 1";

/// Every privilege of roles other than the owner.
const GRANTS: &str = "
    with acls (what, owner, acl) as (
        select 'schema ' || nspname, nspowner, nspacl from pg_namespace where nspname in ('app', 'rowkeep')
        union all
        select oid::regclass::text, relowner, relacl from pg_class
         where relnamespace in ('app'::regnamespace, 'rowkeep'::regnamespace)
        union all
        select a.attrelid::regclass || '.' || attname, c.relowner, attacl
          from pg_attribute a join pg_class c on c.oid = a.attrelid
         where c.relnamespace in ('app'::regnamespace, 'rowkeep'::regnamespace)
        union all
        select oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc
         where pronamespace in ('app'::regnamespace, 'rowkeep'::regnamespace)
    )
    select format('%s: %s to %s%s', what, lower(string_agg(privilege_type, ', ' order by privilege_type)),
                  case grantee when 0 then 'public' else grantee::regrole::text end,
                  case when is_grantable then ' with grant option' end)
      from acls, aclexplode(acl)
     where grantee <> owner
     group by what, grantee, is_grantable
     order by 1";

const DEFAULT_PRIVILEGES: &str = "
    select format('%s in %s: %s', defaclrole::regrole, defaclnamespace::regnamespace, defaclacl)
      from pg_default_acl
     order by 1";

const FUNCTIONS: &str = "
    select format('%s: %s, %s, %s, %s%s, parallel %s, of %s', p.oid::regprocedure, l.lanname,
                  case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
                  coalesce(array_to_string(proconfig, ' '), 'no setting'),
                  case when prosecdef then 'definer' else 'invoker' end,
                  case when proleakproof then ', leakproof' end,
                  proparallel, proowner::regrole)
      from pg_proc p join pg_language l on l.oid = p.prolang
     where pronamespace in ('app'::regnamespace, 'rowkeep'::regnamespace)
     order by 1";

const TRIGGERS: &str = "select tgenabled::text || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1";

const INDEXES: &str = "
    select pg_get_indexdef(indexrelid) from pg_index
     where indrelid in (select oid from pg_class where relnamespace = 'app'::regnamespace)
     order by 1";

const CONSTRAINTS: &str = "
    select conname || ': ' || pg_get_constraintdef(oid) from pg_constraint
     where connamespace = 'app'::regnamespace and contype <> 'n' and conname <> 'tasks_title_blank'
     order by 1";

const COLUMNS: &str = "
    select format('%s.%s %s%s%s%s%s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
                  case when attcollation not in (0, 'pg_catalog.\"default\"'::regcollation)
                       then ' collate ' || attcollation::regcollation end,
                  case when attnotnull then ' not null' end,
                  case attidentity when 'a' then ' generated always' end,
                  ' default ' || pg_get_expr(adbin, adrelid))
      from pg_attribute a left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where attrelid in (select oid from pg_class where relnamespace = 'app'::regnamespace and relkind in ('r', 'p'))
       and attnum > 0
     order by attrelid::regclass::text, attnum";

const OTHER_OBJECTS: &str = "
    select 'rule ' || rulename from pg_rewrite
     where ev_class in (select oid from pg_class where relnamespace = 'app'::regnamespace)
    union all select format('collation %s of %s: %s', oid::regcollation, collowner::regrole, obj_description(oid, 'pg_collation'))
                from pg_collation where collnamespace in ('app'::regnamespace, 'rowkeep'::regnamespace)
    union all select 'event trigger ' || evtname from pg_event_trigger
    union all select 'publication ' || pubname from pg_publication
    union all select 'inheritance of ' || inhparent::regclass from pg_inherits
               where inhparent in (select oid from pg_class where relnamespace = 'app'::regnamespace)
    order by 1";

/// All of these lists as text, to compare two databases.
pub async fn described(client: &Client) -> Vec<String> {
    client.batch_execute("set search_path = ''").await.expect("a setting");
    let mut all = Vec::new();
    for query in [
        POLICIES,
        PERMISSIONS_IN_WORDS,
        TABLES,
        GRANTS,
        DEFAULT_PRIVILEGES,
        FUNCTIONS,
        TRIGGERS,
        INDEXES,
        CONSTRAINTS,
        COLUMNS,
        OTHER_OBJECTS,
    ] {
        all.extend(texts(client, query).await);
    }
    all
}

/// The lists of a freshly migrated database.
pub async fn pristine() -> Vec<String> {
    let database = Database::new().await;
    described(&database.superuser().await).await
}

async fn found(query: &str) -> Vec<String> {
    let database = Database::new().await;
    let client = database.superuser().await;
    client.batch_execute("set search_path = ''").await.expect("a setting");
    texts(&client, query).await
}

#[tokio::test]
async fn the_policies_are_these_and_no_others() {
    assert_eq!(
        found(POLICIES).await,
        [
            "auditors_read on rowkeep.accepted: permissive for r to rowkeep_auditor using true check ",
            "fence on app.tasks: restrictive for all to public \
             using (user_id = app.current_user_id()) \
             check (user_id = app.current_user_id())",
            "owner_only on app.tasks: permissive for all to rowkeep_api \
             using (user_id = app.current_user_id()) \
             check (user_id = app.current_user_id())",
        ]
    );
}

#[tokio::test]
async fn the_tables_are_these_and_every_one_with_users_rows_forces_row_security() {
    assert_eq!(
        found(TABLES).await,
        [
            "S app.tasks_id_seq of rowkeep_owner",
            "S rowkeep.cursor_keys_id_seq of rowkeep_owner",
            "S rowkeep.policies_id_seq of rowkeep_owner",
            "r app.tasks of rowkeep_owner, row security, forced",
            "r rowkeep.accepted of rowkeep_owner, row security",
            "r rowkeep.cursor_keys of rowkeep_owner",
            "r rowkeep.lock of rowkeep_owner",
            "r rowkeep.migrations of rowkeep_owner",
            "r rowkeep.policies of rowkeep_owner",
        ]
    );
}

#[tokio::test]
async fn the_privileges_are_these_and_no_others() {
    assert_eq!(
        found(GRANTS).await,
        [
            "app.accepted(): execute to rowkeep_api",
            "app.accepted(): execute to rowkeep_auditor",
            "app.current_user_id(): execute to rowkeep_api",
            "app.cursor_key(): execute to rowkeep_api",
            "app.identify(text): execute to rowkeep_api",
            "app.schema_version(): execute to rowkeep_api",
            "app.schema_version(): execute to rowkeep_auditor",
            "app.tasks.completed: insert, update to rowkeep_api",
            "app.tasks.description: insert, update to rowkeep_api",
            "app.tasks.title: insert, update to rowkeep_api",
            "app.tasks: delete, select to rowkeep_api",
            "rowkeep.accepted: select to rowkeep_auditor",
            "rowkeep.migrations: select to rowkeep_auditor",
            "rowkeep.policies: select to rowkeep_auditor",
            "schema app: usage to rowkeep_api",
            "schema app: usage to rowkeep_auditor",
            "schema rowkeep: usage to rowkeep_auditor",
        ]
    );
}

#[tokio::test]
async fn nothing_is_granted_on_future_objects() {
    assert_eq!(found(DEFAULT_PRIVILEGES).await, [""; 0]);
}

#[tokio::test]
async fn the_functions_and_their_properties_are_these() {
    assert_eq!(
        found(FUNCTIONS).await,
        [
            "app.accepted(): sql, stable, search_path=\"\", definer, parallel u, of rowkeep_owner",
            "app.current_user_id(): sql, stable, no setting, invoker, parallel s, of rowkeep_owner",
            "app.cursor_key(): sql, stable, search_path=\"\", definer, parallel u, of rowkeep_owner",
            "app.identify(text): plpgsql, volatile, no setting, invoker, parallel u, of rowkeep_owner",
            "app.schema_version(): sql, stable, search_path=\"\", definer, parallel u, of rowkeep_owner",
            "app.tasks_touch(): plpgsql, volatile, search_path=\"\", invoker, parallel u, of rowkeep_owner",
        ]
    );
}

#[tokio::test]
async fn the_table_has_one_trigger() {
    assert_eq!(
        found(TRIGGERS).await,
        [
            "O CREATE TRIGGER tasks_touch BEFORE INSERT OR UPDATE ON app.tasks FOR EACH ROW EXECUTE FUNCTION app.tasks_touch()",
        ]
    );
}

#[tokio::test]
async fn the_indexes_are_those_that_queries_use() {
    assert_eq!(
        found(INDEXES).await,
        [
            "CREATE INDEX tasks_completed_idx ON app.tasks USING btree (user_id, id DESC) WHERE completed",
            "CREATE INDEX tasks_pending_idx ON app.tasks USING btree (user_id, id DESC) WHERE (NOT completed)",
            "CREATE UNIQUE INDEX tasks_pkey ON app.tasks USING btree (user_id, id)",
        ]
    );
}

#[tokio::test]
async fn the_constraints_are_these_and_no_others() {
    assert_eq!(
        found(CONSTRAINTS).await,
        [
            "tasks_description_length: CHECK ((char_length(description) <= 1000))",
            "tasks_pkey: PRIMARY KEY (user_id, id)",
            "tasks_title_length: CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200)))",
            "tasks_user_id_length: CHECK (((char_length(user_id) >= 1) AND (char_length(user_id) <= 255)))",
        ]
    );
}

#[tokio::test]
async fn the_columns_are_these_and_no_others() {
    assert_eq!(
        found(COLUMNS).await,
        [
            "app.tasks.id bigint not null generated always",
            "app.tasks.user_id text collate \"C\" not null default app.current_user_id()",
            "app.tasks.title text not null",
            "app.tasks.description text",
            "app.tasks.completed boolean not null default false",
            "app.tasks.created_at timestamp with time zone not null",
            "app.tasks.updated_at timestamp with time zone not null",
        ]
    );
}

/// Rules, publications and child tables would bypass the policies.
#[tokio::test]
async fn no_other_object_bypasses_the_policies_of_the_table() {
    let letters = "collation app.letters of rowkeep_owner: Searches compare texts in upper case by these rules, so that case \
                   does not matter in any language.";
    assert_eq!(found(OTHER_OBJECTS).await, [letters]);
}

#[tokio::test]
async fn the_roles_have_no_attributes() {
    let roles = "
        select concat_ws(' ', rolname, case when rolsuper then 'superuser' end,
                         case when rolbypassrls then 'bypassrls' end, case when rolcanlogin then 'login' end,
                         case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
                         case when rolreplication then 'replication' end, rolconfig::text)
          from pg_roles where rolname in ('rowkeep_api', 'rowkeep_auditor', 'rowkeep_owner')
         order by 1";

    assert_eq!(found(roles).await, ["rowkeep_api", "rowkeep_auditor", "rowkeep_owner"]);
}

#[tokio::test]
async fn the_role_of_requests_is_a_member_of_nothing() {
    let memberships = "select roleid::regrole::text from pg_auth_members
                        where member in ('rowkeep_api'::regrole, 'rowkeep_auditor'::regrole)";

    assert_eq!(found(memberships).await, [""; 0]);
}
