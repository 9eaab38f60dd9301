//! The collation `app.letters`: searches ignore case by its rules, which are the same in every database.

use rowkeep::audit::audit;
use rowkeep::schema;
use tokio_postgres::Client;

use super::catalogue::{described, pristine};
use super::collation::COLLATION_VERSION;
use super::migrate::rowkeep;
use super::support::texts;
use crate::operation::health::next_health;
use crate::world::{Database, OwnCluster, World, releases};

const MIGRATION: &str = include_str!("../../../migrations/V7__letters.sql");

/// Takes a database back to the time before V7, with the policies of the first release.
pub const BEFORE: &str = "drop collation app.letters; drop table if exists rowkeep.lock; drop function if exists app.accepted(); \
                          drop table if exists rowkeep.accepted; delete from rowkeep.migrations where version >= 7; \
                          update rowkeep.policies set digest = '363dad36c8d8ca304474008fafa4fbbb52eb4c8a4967efa27b6a6f044f5a3f7e'";

const OLD_VERSION: &str = "update pg_collation set collversion = '1.0' where collname = 'letters'";

const RULES: &str = "select collprovider::text from pg_collation where collname = 'letters'";

#[tokio::test]
async fn migrate_logs_by_which_rules_searches_ignore_case() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute(BEFORE).await.expect("the state before V7");

    let done = rowkeep(&["migrate"], &database.url("postgres")).await;

    let log = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{done:?}");
    assert!(
        log.contains("searches ignore case by the rules of this locale")
            && log.contains(r#""rowkeep.locale_provider":"ICU","rowkeep.locale":"und""#),
        "{log}"
    );
    assert_eq!(described(&admin).await, pristine().await);
}

/// What the migration does on a PostgreSQL that is built without ICU: its error is the one for an unknown library.
async fn assert_next_rules(admin: &Client) {
    let builtin =
        texts(admin, "select (current_setting('server_version_num')::integer >= 170000)::text").await;
    let next = if builtin == ["true"] { "b" } else { "c" };
    for (without, wanted) in [
        (&["provider = icu"][..], next),
        (&["provider = icu", "provider = builtin"], "c"),
        (&["provider = icu", "provider = builtin", "locale = ''C.UTF-8''"], "c"),
    ] {
        admin.batch_execute(BEFORE).await.expect("the state before V7");
        let (mut migration, unknown) =
            (MIGRATION.to_owned(), ["provider = none", "locale = ''xx_YY.UTF-8''"]);
        for part in without {
            migration = migration.replace(part, unknown[usize::from(part.starts_with("locale"))]);
        }

        admin.batch_execute(&format!("begin; {migration}; commit")).await.expect("the migration");

        assert_eq!(texts(admin, RULES).await, [wanted], "without {without:?}");
        let folded = texts(admin, "select upper('milk' collate app.letters)").await;
        assert_eq!(folded, ["MILK"], "without {without:?}");
        if without.len() == 3 {
            // The locale of the database is the only one that is certainly there.
            let folded = texts(admin, "select upper('caf\u{e9}' collate app.letters)").await;
            assert_eq!(folded, texts(admin, "select upper('caf\u{e9}')").await);
        }
    }
}

#[tokio::test]
async fn a_postgresql_without_icu_gets_the_next_rules_that_it_has() {
    let database = Database::new().await;

    assert_next_rules(&database.superuser().await).await;
}

/// PostgreSQL has rules of its own since 17.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn every_release_without_icu_gets_the_next_rules_that_it_has() {
    for major in releases() {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;

        assert_next_rules(&cluster.superuser("postgres").await).await;
    }
}

#[tokio::test]
async fn migrate_and_the_audit_name_rules_that_came_with_a_restore_and_their_fix_works() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let of_another_server = "drop collation app.letters;
                             create collation app.letters (provider = libc, locale = 'C');
                             alter collation app.letters owner to rowkeep_owner";
    for (change, state) in
        [(of_another_server, "is not as declared"), ("drop collation app.letters", "is missing")]
    {
        admin.batch_execute(change).await.expect("a restore");

        let told = rowkeep(&["migrate"], &database.url("postgres")).await;

        let told = String::from_utf8_lossy(&told.stderr).replace("\\n", "\n").replace("\\\"", "\"");
        assert!(told.contains(&format!("collation app.letters {state}")), "{told}");
        let report = audit(&database.address("postgres")).await.expect("a report");
        let facts = report.failing();
        assert!(facts.iter().any(|fact| fact.contains("collation app.letters")), "{report}");
        let fix: Vec<_> = told
            .lines()
            .filter(|line| line.contains("collation app.letters") && line.ends_with(';'))
            .collect();
        for statement in &fix {
            admin.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        let done = rowkeep(&["migrate"], &database.url("postgres")).await;
        assert!(done.status.success(), "{fix:?}: {done:?}");
        assert_eq!(texts(&admin, RULES).await, ["i"]);
    }
}

#[tokio::test]
async fn the_audit_and_health_say_that_the_rules_have_changed_and_the_fix_works() {
    let world = World::new().await;
    let admin = world.database.superuser().await;
    admin.batch_execute(OLD_VERSION).await.expect("an old version");

    let report = audit(&world.database.address("postgres")).await.expect("a report");

    assert_eq!(report.failing(), [""; 0], "{report}");
    let text = report.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let noted = "NOTE RK-104 server collation app.letters changed from version 1.0 to ";
    assert!(text.contains(noted) && text.contains("no index uses them"), "{report}");
    let fix = "alter collation app.letters refresh version;";
    assert!(text.contains(&format!("fix: {fix}")), "{report}");
    let health = next_health(&world.anonymous()).await;
    assert_eq!(health.status(), 200);
    assert!(health.detail().contains("rules for sorting text"), "{health:?}");
    admin.batch_execute(fix).await.expect("a fix");
    let sentence = admin.query_one(COLLATION_VERSION, &[]).await.expect("a row").get::<_, Option<String>>(0);
    assert_eq!(sentence, None);
}

#[tokio::test]
async fn the_collation_belongs_to_the_owner_after_a_restore_without_owners() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute("alter collation app.letters owner to postgres").await.expect("another owner");

    schema::migrate(&database.address("postgres"), true).await.expect("policies that are applied again");

    let owner = "select collowner::regrole::text from pg_collation where collname = 'letters'";
    assert_eq!(texts(&admin, owner).await, ["rowkeep_owner"]);
}
