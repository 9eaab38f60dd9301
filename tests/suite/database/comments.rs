//! Every object has a comment, and every constraint has a name and a message for clients.

use super::support::texts;
use crate::world::Database;

/// The objects without a comment.
pub const WITHOUT_A_COMMENT: &str = "
        with ours as (select oid from pg_namespace where nspname in ('app', 'rowkeep'))
        select 'schema ' || nspname from pg_namespace
         where oid in (table ours) and obj_description(oid, 'pg_namespace') is null
        union all
        select 'relation ' || c.oid::regclass from pg_class c
         where relnamespace in (table ours) and obj_description(c.oid, 'pg_class') is null
           -- An identity's sequence and a key of the history are parts of what has a comment.
           and relkind <> 'S' and not (relkind = 'i' and relnamespace = 'rowkeep'::regnamespace)
        union all
        select 'constraint ' || conname from pg_constraint
         where connamespace = 'app'::regnamespace and contype <> 'n' and obj_description(oid, 'pg_constraint') is null
        union all
        select 'function ' || oid::regprocedure from pg_proc
         where pronamespace in (table ours) and obj_description(oid, 'pg_proc') is null
        union all
        select 'collation ' || collname from pg_collation
         where collnamespace in (table ours) and obj_description(oid, 'pg_collation') is null
        union all
        select 'policy ' || polname from pg_policy where obj_description(oid, 'pg_policy') is null
        union all
        select 'trigger ' || tgname from pg_trigger
         where not tgisinternal and obj_description(oid, 'pg_trigger') is null
        union all
        select 'role ' || rolname from pg_roles
         where rolname in ('rowkeep_owner', 'rowkeep_api', 'rowkeep_auditor', 'rowkeep_login')
           and shobj_description(oid, 'pg_authid') is null";

/// CHECK constraints that are not named after their column and their rule.
pub const MISNAMED: &str = "
        select k.conname || ' on ' || c.relname || '.' || coalesce(a.attname, '(several)')
          from pg_constraint k
          join pg_class c on c.oid = k.conrelid
          left join pg_attribute a on a.attrelid = c.oid and k.conkey = array[a.attnum]
         where k.connamespace = 'app'::regnamespace and k.contype = 'c'
           and k.conname not like c.relname || '\\_' || a.attname || '\\__%'
            or k.connamespace = 'app'::regnamespace and k.contype = 'c' and a.attname is null";

/// Columns whose type limits the length, such as varchar(n).
pub const WITH_A_NAMELESS_RULE: &str = "
        select format_type(atttypid, atttypmod) from pg_attribute
         where attrelid in (select oid from pg_class where relnamespace = 'app'::regnamespace)
           and attnum > 0 and atttypmod <> -1";

#[tokio::test]
async fn every_object_has_a_comment() {
    let database = Database::new().await;

    assert_eq!(texts(&database.superuser().await, WITHOUT_A_COMMENT).await, [""; 0]);
}

#[tokio::test]
async fn every_check_is_named_after_its_column_and_its_rule() {
    let database = Database::new().await;

    assert_eq!(texts(&database.superuser().await, MISNAMED).await, [""; 0]);
}

/// The error of `varchar(n)` names neither the column nor the rule.
#[tokio::test]
async fn no_column_has_a_rule_without_a_name() {
    let database = Database::new().await;

    assert_eq!(texts(&database.superuser().await, WITH_A_NAMELESS_RULE).await, [""; 0]);
}

#[tokio::test]
async fn every_constraint_has_the_message_that_clients_read() {
    let database = Database::new().await;
    let address = database.address("rowkeep_login");

    let ready = rowkeep::schema::ready_to_serve(&address).await.expect("a database that is ready");

    let mut messages: Vec<_> = ready.constraint_messages.0.into_iter().collect();
    messages.sort();
    let expected = [
        ("tasks_description_length", "description must be at most 1000 characters long"),
        ("tasks_title_blank", "title must not be blank"),
        ("tasks_title_length", "title must be 1 to 200 characters long"),
        ("tasks_user_id_length", "user_id must be 1 to 255 characters long"),
    ];
    assert_eq!(messages, expected.map(|(name, message)| (name.to_owned(), message.to_owned())));
}
