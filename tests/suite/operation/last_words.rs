//! No text that somebody else chooses can begin a line of what a program says when it ends.

use clap::CommandFactory;
use rowkeep::config::Cli;

use super::log_injection::{EVIL, FORMATS, check};
use super::program::{Directory, Program};
use crate::world::Database;
use crate::world::log_lines::hidden;

/// A command that cannot be run says why on lines of its own.
#[tokio::test]
async fn no_setting_and_no_argument_can_forge_a_line() {
    let command = Cli::command();
    let names = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
    let settings: Vec<_> = names.map(|name| (name, EVIL)).collect();
    assert!(settings.len() > 30, "{settings:?}");
    let flag = format!("--{EVIL}");

    for program in [
        Program::new(&["serve"]).with(&settings),
        Program::new(&[EVIL]),
        Program::new(&[&flag]),
        Program::new(&["audit", "--format", EVIL]),
        Program::new(&["token", "--user", "alice", "--lifetime", EVIL]),
    ] {
        let ended = program.run().await;

        assert!(ended.code.is_some_and(|code| code > 0) && ended.out.is_empty(), "{ended:?}");
        assert!(ended.err.starts_with("rowkeep: ") && ended.err.contains("mark"), "{ended:?}");
        for line in ended.err.lines().skip(1) {
            assert!(line.is_empty() || line.starts_with("  "), "{line:?} in {ended:?}");
        }
        assert_eq!(ended.err.lines().find_map(hidden), None, "{ended:?}");
    }
}

/// The name of a file, and the last words of a program.
#[tokio::test]
async fn no_name_of_a_file_can_forge_a_line() {
    let directory = Directory::new();
    let name = EVIL.replace('/', "");
    directory.write(&name, "no key set");
    let path = directory.0.join(&name).display().to_string();
    let database = Database::new().await;
    let url = database.url("rowkeep_login");

    for format in FORMATS {
        let settings = [
            ("ENVIRONMENT", "production"),
            ("DATABASE_URL", &*url),
            ("JWKS_FILE", &*path),
            ("JWT_ISSUER", "https://issuer.example"),
            ("JWT_AUDIENCE", "any"),
            ("LOG_FORMAT", format),
        ];
        let ended = Program::new(&["serve"]).with(&settings).with(&[("PORT", "0")]).run().await;

        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.err.contains("mark")
                && ended.err.trim_end().chars().all(|c| c == '\n' || hidden(&c.to_string()).is_none()),
            "{ended:?}"
        );
        let mut last_words = false;
        for line in ended.err.lines() {
            last_words |= format == "text" && line.starts_with("rowkeep: ");
            let is_sound = check(format, line).is_ok() || last_words && line.starts_with(['r', ' ']);
            assert!(is_sound, "{line}");
        }
    }
}
