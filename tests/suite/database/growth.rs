//! A second table needs one migration, one file of policies and its queries. The checks for the first table then cover it
//! without any change, and find its mistakes.

use super::comments::{MISNAMED, WITH_A_NAMELESS_RULE, WITHOUT_A_COMMENT};
use super::locks::{Locks, Query, tables, without_queries};
use super::serving::start;
use super::support::texts;
use crate::world::Database;
use rowkeep::audit::audit;

/// The files of a second table, in the same layout as those of the program.
const SCRATCH: &str = "tests/scratch";

/// A file below the root of the checkout.
fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A migrated database with a second table, `app.notes`. Its policies are applied together with all others.
pub async fn with_notes() -> Database {
    let database = Database::new().await;
    let migration = text(&format!("{SCRATCH}/migrations/notes.sql"));
    let notes = format!("{SCRATCH}/policies/notes.sql");
    let mut policies = String::new();
    for file in ["policies/00_reset.sql", "policies/schema.sql", "policies/tasks.sql", &notes] {
        policies.push_str(&text(file));
    }

    let admin = database.superuser().await;
    for script in [migration, policies] {
        admin.batch_execute(&format!("begin; {script}; commit")).await.expect("a second table");
    }
    database
}

async fn notes() -> Locks {
    Locks::of(with_notes().await, "notes", &format!("{SCRATCH}/sql/notes")).await
}

async fn tasks() -> Locks {
    Locks::of(Database::new().await, "tasks", "sql/tasks").await
}

/// Every query except the one that creates.
fn about_existing_rows(locks: &Locks) -> Vec<String> {
    let queries = locks.queries.iter().filter(|query| !query.creates());
    queries.map(|query| query.name.clone()).collect()
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_second_table_is_found_in_the_catalogue_and_needs_a_folder_of_queries() {
    let database = with_notes().await;
    let admin = database.superuser().await;

    assert_eq!(tables(&admin).await, ["notes", "tasks"]);
    assert_eq!(without_queries(&admin, &["sql"]).await, ["app.notes"]);
    assert_eq!(without_queries(&admin, &["sql", &format!("{SCRATCH}/sql")]).await, [""; 0]);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_second_table_has_comments_and_names() {
    let database = with_notes().await;
    let admin = database.superuser().await;

    for finds in [WITHOUT_A_COMMENT, MISNAMED, WITH_A_NAMELESS_RULE] {
        assert_eq!(texts(&admin, finds).await, [""; 0]);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn both_locks_hold_on_a_second_table() {
    assert_eq!(notes().await.without_a_filter(), [""; 0]);
    assert_eq!(notes().await.silent().await, [""; 0]);
    assert_eq!(notes().await.past_the_policy().await, [""; 0]);
    assert_eq!(notes().await.past_the_filter().await, [""; 0]);
    assert_eq!(notes().await.past_the_transaction().await, [""; 0]);
    assert_eq!(notes().await.wrongly_created().await, [""; 0]);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_database_with_a_second_table_is_served_from() {
    let database = with_notes().await;

    assert!(start(&database.address("rowkeep_login")).await.is_ok());
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_second_table_without_its_fence_is_not_served_from() {
    let database = with_notes().await;
    let damage = "drop policy fence on app.notes";
    database.superuser().await.batch_execute(damage).await.expect("no fence");

    assert!(start(&database.address("rowkeep_login")).await.is_err());
}

/// The facts of an audit about the second table, except that it is not declared.
async fn audited(database: &Database) -> Vec<String> {
    let report = audit(&database.address("rowkeep_login")).await.expect("a report").to_string();
    let facts = report.lines().filter(|line| line.contains("app.notes") && !line.starts_with(' '));
    facts.filter(|line| !line.starts_with("FAIL     RK-902 drift")).map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_audit_checks_a_second_table_and_proves_its_isolation() {
    let facts = audited(&with_notes().await).await;

    assert!(facts.iter().all(|fact| fact.starts_with("OK")), "{facts:#?}");
    for part in [
        "table       app.notes: row security enabled, forced; owner rowkeep_owner",
        "policy      app.notes fence: RESTRICTIVE all to public",
        "policy      app.notes owner_only: permissive all to rowkeep_api",
        "grants      rowkeep_api on app.notes: delete, select; insert of body; update of body",
        "trigger     notes_touch on app.notes: app.notes_touch()",
        "proof       app.notes: 14 of 14 statements of A against 3 rows of B: none seen, none changed",
        "proof       app.notes: one prepared statement under two identities and none",
    ] {
        assert!(facts.iter().any(|fact| fact.contains(part)), "{part}: {facts:#?}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_audit_reports_the_mistakes_of_a_second_table() {
    let wide = "drop policy fence on app.notes; alter policy owner_only on app.notes using (true)";
    for (damage, names) in [
        (
            "alter table app.notes no force row level security",
            "table       app.notes: row security enabled, NOT forced",
        ),
        (wide, "policy      app.notes has no fence"),
        (wide, "proof       app.notes: DELETE without WHERE as A: reached 5 rows, and 2 are A's"),
        (
            "grant update (user_id) on app.notes to rowkeep_api",
            "grants      update on app.notes.user_id to rowkeep_api",
        ),
        ("drop trigger notes_touch on app.notes", "trigger     app.notes has no trigger that keeps"),
    ] {
        let database = with_notes().await;
        database.superuser().await.batch_execute(damage).await.expect(damage);

        let facts = audited(&database).await;

        assert!(
            facts.iter().any(|fact| fact.starts_with("FAIL") && fact.contains(names)),
            "{damage}: {facts:#?}"
        );
    }
}

/// Each query in turn loses its filter, and only that query is reported.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_query_without_its_filter_is_found() {
    for name in ["delete", "list", "read", "replace"] {
        let mut locks = notes().await;
        replace_the_filter(&mut locks, name, "$1::text is not null");

        assert_eq!(locks.without_a_filter(), [name]);
        assert_eq!(locks.past_the_filter().await, [name]);
        assert_eq!(locks.past_the_transaction().await, [name]);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_query_about_tasks_without_its_filter_is_found() {
    for name in about_existing_rows(&tasks().await) {
        let mut locks = tasks().await;
        replace_the_filter(&mut locks, &name, "$1::text is not null");
        locks.queries.retain(|query| query.name == name);

        assert_eq!(locks.without_a_filter(), [name.as_str()]);
        assert_eq!(locks.past_the_filter().await, [name.as_str()]);
    }
}

/// The text of the filter is there, but another condition makes it ineffective.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_ineffective_filter_is_found() {
    for (name, condition) in [
        ("read", "(user_id = $1 or true)"),
        ("list", "(user_id = $1 or $2::bigint is null)"),
        ("replace", "(user_id = $1 or $3::text is not null)"),
        ("delete", "not user_id = $1 and user_id <> ''"),
    ] {
        let mut locks = notes().await;
        replace_the_filter(&mut locks, name, condition);

        assert_eq!(locks.without_a_filter(), [""; 0], "{name}: the text of the filter is there");
        assert_eq!(locks.past_the_filter().await, [name]);
    }
}

/// A result without `user_id` and `id` is compared with the result when no other user has rows.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_count_of_all_rows_is_found() {
    for (filter, found) in [("user_id = $1", None), ("$1::text is not null", Some("read"))] {
        let mut locks = notes().await;
        let read = query(&mut locks, "read");
        read.sql = format!("select count(*) from app.notes where {filter}");

        assert_eq!(locks.past_the_filter().await, Vec::from_iter(found));
        assert_eq!(locks.past_the_transaction().await, Vec::from_iter(found));
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_policy_that_shows_all_rows_is_found() {
    for damage in [
        "drop policy fence on app.notes; alter policy owner_only on app.notes using (true) with check (true)",
        "alter table app.notes disable row level security",
        "drop policy fence on app.notes; create policy other on app.notes using (user_id <> '')",
    ] {
        let locks = notes().await.damaged(damage).await;

        assert_eq!(locks.past_the_policy().await, about_existing_rows(&locks), "{damage}");
        assert_eq!(locks.past_the_filter().await, [""; 0], "{damage}: the filter holds alone");
    }
}

/// A wide policy for UPDATE or DELETE would reach all rows in a statement without WHERE, because such a statement does not
/// use the policy for reading. The fence stops it.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_lax_policy_beside_the_fence_opens_nothing() {
    let damage = "create policy wide on app.notes using (true) with check (true)";

    let locks = notes().await.damaged(damage).await;

    assert_eq!(locks.past_the_policy().await, [""; 0]);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_create_that_names_its_user_is_found() {
    let mut locks = notes().await.damaged("grant insert (user_id) on app.notes to rowkeep_api").await;
    let create = locks.queries.iter_mut().find(|query| query.creates()).expect("a query that creates");
    create.sql = "insert into app.notes (user_id, body) values ('bob', $1) returning id, user_id".into();

    assert_eq!(locks.without_a_filter(), ["create"]);
    assert_eq!(
        locks.wrongly_created().await,
        [
            "create creates a row outside any transaction",
            "create takes a wrong default for the user",
            "a user can be named in app.notes"
        ]
    );
}

/// A query that finds no row at all would pass every other test.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_query_that_finds_nothing_at_all_is_found() {
    let mut locks = notes().await;
    replace_the_filter(&mut locks, "list", "user_id = $1 and false");
    let read = query(&mut locks, "read");
    read.sql = "select count(*) from app.notes where user_id = $1 and false".into();

    assert_eq!(locks.silent().await, ["list", "read"]);
}

fn query<'a>(locks: &'a mut Locks, name: &str) -> &'a mut Query {
    locks.queries.iter_mut().find(|query| query.name == name).expect("a query")
}

/// Replaces the filter of one query by `condition`.
fn replace_the_filter(locks: &mut Locks, name: &str, condition: &str) {
    let query = query(locks, name);
    assert!(query.sql.contains("user_id = $1"), "{name}");
    query.sql = query.sql.replace("user_id = $1", condition);
}
