//! `ENVIRONMENT`: development is the default only if no database is named, and what each command needs.

use super::checkout::Checkout;
use super::program::{Ended, Program};
use crate::world::{Database, SECRET, World};

async fn runs(arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
    Program::new(arguments).with(&[("PORT", "0"), ("BETTER_AUTH_SECRET", "short")]).with(settings).run().await
}

#[tokio::test]
async fn a_named_database_is_not_served_or_migrated_unless_the_environment_is_said() {
    let database = Database::unmigrated().await;
    let url = database.url("postgres");

    for command in [&[][..], &["serve"], &["migrate"]] {
        for variable in ["DATABASE_URL", "MIGRATION_DATABASE_URL"] {
            let ended = runs(command, &[(variable, &url), ("ENVIRONMENT", "")]).await;

            assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{command:?} {variable}: {ended:?}");
            assert!(ended.err.contains("ENVIRONMENT is missing"), "{command:?} {variable}: {ended:?}");
        }
    }
    let sql = "select to_regnamespace('app') is null";
    let untouched: bool = database.superuser().await.query_one(sql, &[]).await.expect("a row").get(0);
    assert!(untouched);
}

#[tokio::test]
async fn no_token_is_made_for_a_server_whose_environment_is_not_said() {
    let ended = runs(&["token", "--user=alice"], &[("DATABASE_URL", "postgres://u@127.0.0.1:9/d")]).await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("ENVIRONMENT is missing"), "{ended:?}");
}

#[tokio::test]
async fn development_that_is_said_migrates_and_serves_a_named_database() {
    let database = Database::unmigrated().await;
    let url = database.url("postgres");
    let settings = [("DATABASE_URL", url.as_str()), ("ENVIRONMENT", "development"), ("PORT", "0")];

    let mut running = Program::new(&[]).with(&settings).with(&[("BETTER_AUTH_SECRET", "short")]).start();

    running.says("Rowkeep is ready").await;
}

#[tokio::test]
async fn a_start_with_a_configured_secret_prints_no_token() {
    let database = Database::new().await;
    let url = database.url("postgres");
    let settings = [("DATABASE_URL", url.as_str()), ("ENVIRONMENT", "development"), ("PORT", "0")];

    let mut running = Program::new(&[]).with(&settings).with(&[("BETTER_AUTH_SECRET", SECRET)]).start();
    running.says("Rowkeep is ready").await;

    assert!(running.out().contains("token --user alice"), "{}", running.out());
    assert!(!running.out().contains("eyJ") && !running.err().contains("eyJ"), "{}", running.out());
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_start_with_a_secret_that_rowkeep_made_prints_a_token_that_works() {
    let checkout = Checkout::new("c");

    let ready = checkout.start().await;

    assert_eq!(ready.alice().get("/api/tasks").await.status(), 200);
    ready.stop().await;
}

#[tokio::test]
async fn audit_and_healthcheck_need_no_environment_and_no_key() {
    let world = World::new().await;
    let url = world.database.url("rowkeep_login");
    let port = world.server.address.port().to_string();
    let named = [("DATABASE_URL", url.as_str()), ("PORT", &port)];

    let audit = runs(&["audit"], &named).await;
    assert!(audit.out.contains("isolation: HELD"), "{audit:?}");
    for settings in [&named[..], &[("PORT", &*port), ("ENVIRONMENT", "production")]] {
        let healthcheck = Program::new(&["healthcheck"]).with(settings).run().await;
        assert_eq!(healthcheck.code, Some(0), "{healthcheck:?}");
    }
}

#[tokio::test]
async fn migrate_needs_no_serving_login_and_no_key() {
    let database = Database::unmigrated().await;
    let settings =
        [("MIGRATION_DATABASE_URL", database.url("postgres")), ("ENVIRONMENT", "production".into())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));

    let ended = Program::new(&["migrate"]).with(&settings).run().await;

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("applied the policies"), "{ended:?}");
}

#[tokio::test]
async fn development_does_not_serve_one_database_and_migrate_another() {
    let settings = [("ENVIRONMENT", "development"), ("MIGRATION_DATABASE_URL", "postgres://u@127.0.0.1:9/d")];

    let ended = Program::new(&["serve"]).with(&settings).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("DATABASE_URL is missing, and MIGRATION_DATABASE_URL is set"), "{ended:?}");
}
