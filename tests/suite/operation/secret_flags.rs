//! Secrets are not in the list of processes, and no type that holds one prints it.

use clap::CommandFactory;
use rowkeep::config::{Cli, Command};

use super::program::Program;

/// Every user of the machine can read the flags of a process.
#[tokio::test]
async fn a_secret_as_a_flag_is_refused_with_the_name_of_its_variable() {
    for (flag, variable, has_file) in [
        ("--database-url", "DATABASE_URL", true),
        ("--migration-database-url", "MIGRATION_DATABASE_URL", true),
        ("--source-database-url", "SOURCE_DATABASE_URL", true),
        ("--from", "SOURCE_DATABASE_URL", true),
        ("--database-replica-url", "DATABASE_REPLICA_URL", true),
        ("--better-auth-secret", "BETTER_AUTH_SECRET", true),
        ("--better-auth-secret-previous", "BETTER_AUTH_SECRET_PREVIOUS", true),
        ("--jwks-url", "JWKS_URL", false),
        ("--otel-exporter-otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS", true),
        ("--otel-exporter-otlp-traces-headers", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", false),
    ] {
        let (value, joined) =
            ("postgres://u:hush@127.0.0.1:9/d", format!("{flag}=postgres://u:hush@127.0.0.1:9/d"));
        for arguments in [
            &["serve", flag, value][..],
            &[&joined, "serve"],
            &["adopt", "--table", "tasks", &joined],
            &[&joined],
        ] {
            // Also where the variable has a value.
            let ended = Program::new(arguments).with(&[(variable, value)]).run().await;

            assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
            assert!(ended.err.contains(&format!("Set the variable {variable}")), "{}", ended.err);
            assert_eq!(ended.err.contains(&format!("{variable}_FILE")), has_file, "{}", ended.err);
            assert!(!ended.err.contains("hush"), "{}", ended.err);
        }
    }
}

/// A setting of this name is likely to hold a secret.
#[test]
fn every_setting_that_can_hold_a_secret_is_a_variable_only() {
    for argument in Cli::command().get_arguments() {
        let name = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_secret =
            ["SECRET", "PASSWORD", "_KEY", "TOKEN", "DATABASE_URL", "REPLICA_URL", "JWKS_URL", "_HEADERS"]
                .iter()
                .any(|part| name.contains(part))
                && !name.ends_with("_FILE");
        assert_eq!(argument.is_hide_set(), is_secret, "{name}");
    }
}

#[tokio::test]
async fn a_variable_that_is_not_utf_8_is_named_and_not_repeated() {
    for (name, command) in [
        ("BETTER_AUTH_SECRET", "serve"),
        ("DATABASE_URL", "migrate"),
        ("PORT", "healthcheck"),
        ("HTTPS_PROXY", "serve"),
    ] {
        let line = format!("{name}=$(printf 'hush\\377hush') && export {name} && exec \"$0\" {command}");
        let mut program = Program::new(&["-c", &line, env!("CARGO_BIN_EXE_rowkeep")]);
        program.file = "/bin/sh".into();

        let ended = program.run().await;

        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(&format!("{name} is not text in UTF-8")), "{}", ended.err);
        assert!(!ended.err.contains("hush"), "{}", ended.err);
    }
}

#[test]
fn the_debug_text_of_the_settings_has_no_secret() {
    use clap::FromArgMatches;
    let secret = "hush-hush-hush-hush-hush-hush-hush-hush";
    let url = "postgres://u:hush-hush@127.0.0.1:9/d";
    let flags = [
        ("database-url", url),
        ("migration-database-url", url),
        ("source-database-url", url),
        ("better-auth-secret", secret),
        ("better-auth-secret-previous", secret),
        ("jwks-url", "https://auth.example.com/keys?key=hush-hush"),
        ("otel-exporter-otlp-endpoint", "https://traces.example.com"),
        ("otel-exporter-otlp-headers", "authorization=hush-hush"),
    ];
    let flags = flags.map(|(name, value)| format!("--{name}={value}"));
    let words = ["rowkeep".to_owned(), "--environment=development".into()];
    let matches = Cli::command().get_matches_from(words.into_iter().chain(flags));
    let cli = Cli::from_arg_matches(&matches).expect("settings");
    let adopt = Command::Adopt {
        table: "tasks".into(),
        user_column: String::new(),
        completed_column: String::new(),
        dry_run: false,
        all_problems: false,
    };

    for command in [Command::Serve, adopt] {
        let config = cli.settings.parse(&command).expect("settings that are right");
        let text = format!("{config:?} {command:?}");
        assert!(!text.contains("hush"), "{text}");
        assert!(command != Command::Serve || text.contains("traces.example.com"), "{text}");
        let rules = format!("{:?}", config.token_rules);
        assert!(command != Command::Serve || rules.contains("auth.example.com/keys"), "{rules}");
    }
}
