//! Settings as flags and as variables. One error names everything that is wrong, before anything starts.

use std::time::Duration;

use clap::CommandFactory;
use rowkeep::config::Cli;

use super::program::Program;
use crate::world::{Database, Person, SECRET, Server, World};

/// The settings that production requires, and any free port.
fn production(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", url),
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", "0"),
        ("LOG_LEVEL", "info"),
    ]
}

#[tokio::test]
async fn one_error_names_every_wrong_setting() {
    let wrong = [
        ("ENVIRONMENT", "prod"),
        ("PORT", "eighty"),
        ("HOST", "no such host"),
        ("DATABASE_URL", "nonsense"),
        ("MIGRATION_DATABASE_URL", "postgres://"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_POOL_MIN_IDLE", "-1"),
        ("DATABASE_MAX_LIFETIME", "long"),
        ("BETTER_AUTH_URL", "auth.example.com"),
        ("JWKS_URL", "keys.json"),
        ("JWKS_ALLOW_HTTP", "perhaps"),
        ("JWT_ISSUERS_SHARE_USERS", "perhaps"),
        ("JWT_MAX_LIFETIME", "0"),
        ("JWT_NOT_BEFORE", "1768037400000"),
        ("CORS_ORIGINS", "*"),
        ("LIST_ENVELOPE", "tasks=list,list"),
        ("RATE_LIMIT", "many"),
        ("TRUSTED_PROXIES", "localhost"),
        ("LOG_LEVEL", "verbose"),
        ("LOG_FORMAT", "xml"),
        ("REQUEST_TIMEOUT", "0"),
        ("KEEP_ALIVE_TIMEOUT", "0"),
        ("SHUTDOWN_DELAY", "-1"),
        ("SHUTDOWN_TIMEOUT", "1.5"),
    ];

    let ended = Program::new(&["serve"]).with(&wrong).run().await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    for (name, _) in wrong {
        let named = ended.err.lines().filter(|line| line.trim().starts_with(name)).count();
        assert_eq!(named, 1, "{name} in\n{}", ended.err);
    }
}

#[tokio::test]
async fn outside_development_one_error_names_the_missing_database_and_secret() {
    for environment in ["production", "staging"] {
        let ended = Program::new(&[]).with(&[("ENVIRONMENT", environment)]).run().await;

        assert_eq!(ended.code, Some(1));
        for name in ["DATABASE_URL is missing", "BETTER_AUTH_SECRET is missing"] {
            assert!(ended.err.contains(name), "{}", ended.err);
        }
    }
}

#[tokio::test]
async fn an_empty_variable_means_the_default() {
    let database = Database::new().await;
    let url = database.url("rowkeep_login");
    let names = [
        "HOST",
        "MIGRATION_DATABASE_URL",
        "DATABASE_POOL_SIZE",
        "DATABASE_POOL_MIN_IDLE",
        "DATABASE_MAX_LIFETIME",
        "BETTER_AUTH_SECRET_PREVIOUS",
        "BETTER_AUTH_URL",
        "JWKS_URL",
        "JWKS_FILE",
        "JWT_ISSUER",
        "JWT_AUDIENCE",
        "JWKS_ALLOW_HTTP",
        "JWT_ISSUERS_SHARE_USERS",
        "JWT_USER_CLAIM",
        "JWT_MAX_LIFETIME",
        "JWT_NOT_BEFORE",
        "CORS_ORIGINS",
        "LIST_ENVELOPE",
        "RATE_LIMIT",
        "TRUSTED_PROXIES",
        "REQUEST_TIMEOUT",
        "KEEP_ALIVE_TIMEOUT",
        "SHUTDOWN_DELAY",
        "SHUTDOWN_TIMEOUT",
    ];
    let mut settings = vec![("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    settings.extend(names.map(|name| (name, "")));

    let server = Server::start(&settings).await.expect("a server");

    assert_eq!(Person::new(server.address, "alice").get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn empty_variables_are_missing_in_production() {
    let empty = [("ENVIRONMENT", "production"), ("DATABASE_URL", ""), ("BETTER_AUTH_SECRET", "")];

    let ended = Program::new(&[]).with(&empty).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("DATABASE_URL") && ended.err.contains("BETTER_AUTH_SECRET"), "{}", ended.err);
}

#[tokio::test]
async fn a_flag_overrides_its_variable() {
    let world = World::new().await;
    let url = world.database.url("rowkeep_login");
    let taken = world.server.address.port().to_string();
    let program = Program::new(&["serve", "--port", "0", "--log-level=info"]).with(&production(&url));
    let program = program.with(&[("PORT", &taken), ("LOG_LEVEL", "error")]);

    let mut running = program.start();

    running.says("checked that the policies restrict requests").await;
}

#[tokio::test]
async fn the_error_for_a_port_in_use_names_the_address_and_the_setting() {
    let world = World::new().await;
    let url = world.database.url("rowkeep_login");
    let taken = world.server.address.port().to_string();

    let ended = Program::new(&[]).with(&production(&url)).with(&[("PORT", &taken)]).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(
        ended.err.contains(&world.server.address.to_string()) && ended.err.contains("PORT"),
        "{}",
        ended.err
    );
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn log_levels_can_be_spelled_as_in_other_servers() {
    let database = Database::new().await;
    let url = database.url("rowkeep_login");
    for level in ["INFO", "info", "Debug", "rowkeep=debug", "warn,rowkeep=info", ""] {
        let mut running = Program::new(&[]).with(&production(&url)).with(&[("LOG_LEVEL", level)]).start();
        running.says("checked that the policies restrict requests").await;
    }
    for level in ["warning", "WARNING", "CRITICAL", "error", "off"] {
        let ended = Program::new(&["healthcheck", "--port=9"]).with(&production(&url));
        let ended = ended.with(&[("LOG_LEVEL", level)]).run().await;
        assert!(!ended.err.contains("LOG_LEVEL"), "{level}: {}", ended.err);
    }
}

#[tokio::test]
async fn the_log_is_json_outside_development_unless_log_format_is_text() {
    let database = Database::new().await;
    let url = database.url("rowkeep_login");
    for (format, json) in [("", true), ("json", true), ("text", false)] {
        let mut running = Program::new(&[]).with(&production(&url)).with(&[("LOG_FORMAT", format)]).start();
        running.says("checked that the policies restrict requests").await;

        let log = running.err();

        let lines_are_json = log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        assert_eq!(lines_are_json, json, "{format}: {log}");
    }
}

/// The variable of every setting.
fn variables() -> Vec<String> {
    let name = |argument: &clap::Arg| argument.get_env().map(|name| name.to_string_lossy().into_owned());
    Cli::command().get_arguments().filter_map(name).collect()
}

#[tokio::test]
async fn help_names_every_setting_and_shows_the_value_of_none() {
    let names = variables();
    assert!(names.len() > 30, "{names:?}");
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), "hidden-value")).collect();

    for arguments in
        [&["--help"][..], &["-h"], &["serve", "--help"], &["adopt", "--help"], &["help", "token"]]
    {
        let ended = Program::new(arguments).with(&values).run().await;

        assert_eq!(ended.code, Some(0), "{arguments:?}");
        for name in &names {
            assert!(ended.out.contains(&format!("[env: {name}")), "{arguments:?}: {name} in\n{}", ended.out);
        }
        assert!(!ended.out.contains("hidden-value") && !ended.err.contains("hidden-value"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_not_served_in_production() {
    let database = Database::unmigrated().await;

    let ended = Program::new(&[]).with(&production(&database.url("postgres"))).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("rowkeep migrate"), "{}", ended.err);
    let sql = "select to_regnamespace('app') is null";
    let untouched: bool = database.superuser().await.query_one(sql, &[]).await.expect("a row").get(0);
    assert!(untouched);
}

#[tokio::test]
async fn the_exit_code_of_healthcheck_tells_whether_the_server_is_healthy() {
    let world = World::new().await;
    let port = world.server.address.port().to_string();
    let check = || Program::new(&["healthcheck"]).with(&[("PORT", &port), ("HOST", "0.0.0.0")]).run();

    let healthy = check().await;
    let superuser = world.database.superuser().await;
    superuser
        .batch_execute("alter table app.tasks no force row level security")
        .await
        .expect("no forced row security");
    // A result that is younger than a second is used again.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let unhealthy = check().await;
    let no_server = Program::new(&["healthcheck", "--port=9"]).run().await;

    assert_eq!(healthy.code, Some(0), "{healthy:?}");
    assert_eq!(unhealthy.code, Some(1), "{unhealthy:?}");
    assert!(unhealthy.err.contains("503"), "{unhealthy:?}");
    assert_eq!(no_server.code, Some(1), "{no_server:?}");
    assert!(no_server.err.contains("127.0.0.1:9 does not answer"), "{no_server:?}");
}
