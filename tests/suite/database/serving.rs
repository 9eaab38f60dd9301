//! A server starts only on a database that protects its rows. Otherwise its error says what to do.

use std::time::Duration;

use rowkeep::refusal::ConstraintMessages;
use rowkeep::schema;
use rowkeep::session::{Options, Session};
use rowkeep::tasks::{self, Listing, Status, Window};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::support::{Fixture, begin_as, creates, texts};
use crate::world::{Database, OwnCluster, user_id};
use rowkeep::database::Address;

/// Does the checks of a starting server. Returns the session, or the error.
pub async fn start(address: &Address) -> Result<Session, String> {
    let ready = schema::ready_to_serve(address).await.map_err(|error| error.to_string())?;
    open(address, ready.constraint_messages).await
}

async fn open(address: &Address, messages: ConstraintMessages) -> Result<Session, String> {
    let options = Options {
        pool_size: 1,
        min_idle: 1,
        max_lifetime: Duration::from_secs(1800),
        step_timeout: Duration::from_secs(5),
        statement_mode: None,
    };
    let opened = Session::open(address, &options, tasks::QUERIES, messages).await;
    opened.map_err(|error| error.to_string())
}

/// The titles that `user` sees.
pub async fn titles(session: &Session, user: &str) -> Vec<String> {
    let caller = session.caller(user_id(user));
    let window = Window { after: None, limit: 100, offset: 0 };
    let page = tasks::page(&caller, &Listing::newest_first(Status::All), window).await.expect("a list");
    page.tasks().expect("tasks").iter().map(|task| task.title.to_owned()).collect()
}

/// The error of a server that starts after a superuser ran `damage`.
pub async fn refusal_after(damage: &str) -> String {
    let fixture = Fixture::new().await;
    fixture.admin.batch_execute(damage).await.unwrap_or_else(|error| panic!("{damage}: {error:?}"));
    let started = start(&fixture.database.address("rowkeep_login")).await;
    started.err().unwrap_or_else(|| panic!("a server starts after {damage}"))
}

/// A statement that does not prepare must not look like a database that does not answer.
#[tokio::test]
async fn a_function_with_another_parameter_type_is_reported_at_once() {
    let fixture = Fixture::new().await;
    let damage = "drop function app.identify(text);
                create function app.identify(user_id bigint) returns void language sql as 'select';
                grant execute on function app.identify(bigint) to rowkeep_api";
    fixture.admin.batch_execute(damage).await.expect("another function");

    let opened = open(&fixture.database.address("rowkeep_login"), ConstraintMessages::default()).await;

    let reason = opened.err().expect("no session");
    assert!(reason.contains("app.identify(text) does not exist"), "{reason}");
}

/// The first socket answers like a server that is starting up.
#[tokio::test]
async fn the_first_reachable_of_several_sockets_is_used() {
    let fixture = Fixture::new().await;
    let busy = std::env::temp_dir().join(format!("rowkeep-busy-{}", std::process::id()));
    std::fs::create_dir(&busy).expect("a directory");
    let listener = UnixListener::bind(busy.join(".s.PGSQL.5432")).expect("a socket");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1000]).await;
            let _ = stream.write_all(b"E\0\0\0\x20SFATAL\0C57P03\0Mstarting up\0\0\0").await;
        }
    });
    let url = fixture.database.url("rowkeep_login");
    let url = url.replacen("host='", &format!("host='/nowhere,{},", busy.display()), 1);

    let session = start(&Address::parse(&url).expect("an address")).await;

    std::fs::remove_dir_all(&busy).expect("no more directory");
    assert_eq!(titles(&session.expect("a session"), "bob").await.len(), 2);
}

#[tokio::test]
async fn a_server_starts_on_a_migrated_database() {
    let fixture = Fixture::new().await;

    let session = start(&fixture.database.address("rowkeep_login")).await.expect("a session");

    assert_eq!(titles(&session, "bob").await, ["completed", "pending"]);
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_refused() {
    let database = Database::unmigrated().await;

    let refused = start(&database.address("postgres")).await.err().expect("a refusal");

    assert!(refused.contains("has not been migrated; run `rowkeep migrate`"), "{refused}");
}

#[tokio::test]
async fn a_database_that_lacks_a_migration_is_refused() {
    let last = "(select max(version) from rowkeep.migrations)";
    let refused = refusal_after(&format!("delete from rowkeep.migrations where version = {last}")).await;

    assert!(refused.contains("is behind: it has migration 8"), "{refused}");
    assert!(refused.contains("run `rowkeep migrate`"), "{refused}");
}

/// So that a release can be rolled back without the database.
#[tokio::test]
async fn a_server_starts_on_a_database_with_newer_migrations() {
    let fixture = Fixture::new().await;
    let ahead = "insert into rowkeep.migrations (version, name) values (1000, 'of_a_later_release')";
    fixture.admin.batch_execute(ahead).await.expect("a later migration");

    let session = start(&fixture.database.address("rowkeep_login")).await.expect("a session");

    assert_eq!(titles(&session, "bob").await.len(), 2);
}

#[tokio::test]
async fn a_constraint_without_a_message_is_refused() {
    let refused = refusal_after("comment on constraint tasks_title_blank on app.tasks is null").await;

    assert!(refused.contains("constraint tasks_title_blank has no comment"), "{refused}");
    assert!(refused.contains("COMMENT ON CONSTRAINT tasks_title_blank"), "{refused}");
}

#[tokio::test]
async fn a_table_without_row_security_is_refused() {
    for damage in [
        "alter table app.tasks disable row level security",
        "alter table app.tasks no force row level security",
        "create table app.notes (id int); alter table app.notes owner to rowkeep_owner;
         grant select on app.notes to rowkeep_api",
    ] {
        let refused = refusal_after(damage).await;

        let table = if damage.contains("notes") { "app.notes: " } else { "app.tasks: " };
        assert!(refused.contains(table) && refused.contains("not enabled and forced"), "{damage}: {refused}");
        assert!(refused.contains("rowkeep migrate --reapply-policies"), "{damage}: {refused}");
    }
}

#[tokio::test]
async fn a_table_without_its_fence_is_refused() {
    let own = "(user_id = app.current_user_id())";
    let own = format!("using {own} with check {own}");
    let wide = "(user_id = app.current_user_id() or app.current_user_id() is not null)";
    let wide = format!("using {wide} with check {wide}");
    let drop = "drop policy fence on app.tasks";
    for damage in [
        drop,
        &format!("{drop}; create policy fence on app.tasks {own}"),
        &format!("{drop}; create policy fence on app.tasks as restrictive for update {own}"),
        "alter policy fence on app.tasks to rowkeep_owner",
        "alter policy fence on app.tasks using (true) with check (true)",
        "alter policy fence on app.tasks using (true)",
        "alter policy fence on app.tasks with check (true)",
        &format!("alter policy fence on app.tasks {wide}"),
    ] {
        let refused = refusal_after(damage).await;

        assert!(refused.contains("fence") && refused.contains("--reapply-policies"), "{damage}: {refused}");
    }
}

/// `DROP OWNED` also removes the policies that name a role. The fence stays, and nobody sees rows.
#[tokio::test]
async fn a_table_without_a_permissive_policy_is_refused() {
    for damage in [
        "drop policy owner_only on app.tasks",
        "alter policy owner_only on app.tasks to rowkeep_auditor",
        "set role rowkeep_api; drop owned by rowkeep_api; reset role",
    ] {
        let refused = refusal_after(damage).await;

        assert!(refused.contains("every list would be empty"), "{damage}: {refused}");
        assert!(refused.contains("--reapply-policies"), "{damage}: {refused}");
    }
}

/// Without rows, an empty result does not prove that rows are hidden.
#[tokio::test]
async fn policies_that_allow_everything_are_refused_even_without_rows() {
    let database = Database::new().await;
    let damage =
        "alter policy fence on app.tasks using (true); alter policy owner_only on app.tasks using (true)";
    database.superuser().await.batch_execute(damage).await.expect("a damaged database");

    let refused = start(&database.address("rowkeep_login")).await.err().expect("a refusal");

    assert!(
        refused.contains("fence with another condition") && refused.contains("--reapply-policies"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_function_that_does_not_return_the_identity_is_refused() {
    let body = "returns text language sql stable return";
    for damage in [
        "alter function app.current_user_id() immutable",
        "alter function app.current_user_id() volatile",
        "alter function app.current_user_id() security definer",
        "alter function app.current_user_id() set search_path = ''",
        "alter function app.current_user_id() set app.user_id = 'alice'",
        &format!("create or replace function app.current_user_id() {body} 'alice'"),
        &format!(
            "create or replace function app.current_user_id() {body} current_setting('app.user_id', true)"
        ),
        "create or replace function app.current_user_id() returns text language plpgsql stable
         as $$ begin return nullif(current_setting('app.user_id', true), ''); end $$",
    ] {
        let refused = refusal_after(damage).await;

        assert!(
            refused.contains("app.current_user_id() is not the function of migrations/"),
            "{damage}: {refused}"
        );
        assert!(refused.contains("`rowkeep audit`"), "{damage}: {refused}");
    }
}

/// Every connection of such a login has an identity before any request.
#[tokio::test]
async fn a_login_with_a_stored_identity_is_refused() {
    let database = Database::new().await;
    let login = format!("stored_{}", database.name);
    let make = format!(
        "create role {login} login; grant rowkeep_api to {login};
         alter role {login} in database {} set app.user_id = 'alice'",
        database.name
    );
    database.superuser().await.batch_execute(&make).await.expect("a login");

    let refused = start(&database.address(&login)).await.err().expect("a refusal");

    assert!(refused.contains("ALTER ROLE .. RESET app.user_id"), "{refused}");
}

#[tokio::test]
async fn a_function_that_requests_may_not_execute_is_refused() {
    let refused = refusal_after("revoke execute on function app.identify(text) from rowkeep_api").await;

    assert!(refused.contains("permission denied for function identify"), "{refused}");
}

#[tokio::test]
async fn the_fence_holds_beside_a_policy_that_allows_everything() {
    let fixture = Fixture::new().await;
    let hole = "create policy hole on app.tasks to public using (true) with check (true)";
    fixture.admin.batch_execute(hole).await.expect("a policy");
    let before = fixture.stored("alice").await;

    let session = start(&fixture.database.address("rowkeep_login")).await.expect("a session");
    assert_eq!(titles(&session, "bob").await.len(), 2);
    begin_as(&fixture.login, "bob").await;
    assert_eq!(texts(&fixture.login, "select distinct user_id from app.tasks").await, ["bob"]);
    fixture.login.batch_execute("delete from app.tasks; commit").await.expect("a deletion");

    assert_eq!(fixture.stored("alice").await, before);
}

/// Roles belong to the whole cluster, so this test starts its own.
#[tokio::test]
async fn a_serving_role_that_bypasses_policies_is_refused() {
    let cluster = OwnCluster::start().await;
    let address = cluster.address("postgres", "postgres");
    schema::migrate(&address, false).await.expect("a migrated database");
    let admin = cluster.superuser("postgres").await;
    creates(&admin, "alice", "private").await;
    assert_eq!(titles(&start(&address).await.expect("a session"), "bob").await, [""; 0]);

    for (damage, fix, reason) in [
        ("alter role rowkeep_api bypassrls", "alter role rowkeep_api nobypassrls", "NOBYPASSRLS"),
        ("alter role rowkeep_api superuser", "alter role rowkeep_api nosuperuser", "NOSUPERUSER"),
        ("grant rowkeep_owner to rowkeep_api", "revoke rowkeep_owner from rowkeep_api", "owns tables"),
    ] {
        admin.batch_execute(damage).await.expect(damage);
        let refused = start(&address).await.err();
        admin.batch_execute(fix).await.expect(fix);

        assert!(refused.as_ref().is_some_and(|refused| refused.contains(reason)), "{damage}: {refused:?}");
    }
}
