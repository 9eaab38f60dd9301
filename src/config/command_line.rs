//! The command line and the environment, read by clap, with what clap does not do by itself.
//!
//! Every user of the machine can read the flags of a process. So a setting that can hold a secret is a variable only, and a
//! flag of its name is refused. The help shows the value of no variable.

use std::collections::BTreeMap;
use std::env;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, FromArgMatches};

use super::{Cli, ConfigError, dotenv};
use crate::logging;

/// The heading of the settings that are hidden as flags.
const SECRETS: &str = "Secrets (variables only: every user of this machine can read the flags of a program):";

/// Variables that a library reads. It ignores a value that is not UTF-8.
const PROXIES: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

impl Cli {
    /// Reads the command line and the environment, and in development `.env`. Ends the program where clap does so: at
    /// `--help`, and at a flag that is wrong.
    ///
    /// # Errors
    /// Every variable that is not UTF-8, or the problem of `.env`.
    pub fn read() -> Result<Self, ConfigError> {
        require_utf8(&program())?;
        let cli = Self::of(program());
        if !cli.settings.in_development() {
            return Ok(cli);
        }
        let values = dotenv::read().map_err(|problem| ConfigError(vec![problem]))?;
        Ok(Self::of(with_defaults(program(), &values)))
    }

    fn of(mut program: clap::Command) -> Self {
        let matches = program.clone().try_get_matches().unwrap_or_else(|error| end(&error));
        let is_flag = |argument: &&Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            argument.is_hide_set() && source == Some(ValueSource::CommandLine)
        };
        let refusal = program.get_arguments().find(is_flag).map(no_flag);
        if let Some(text) = refusal {
            end(&program.error(ErrorKind::UnknownArgument, text));
        }
        Self::from_arg_matches(&matches).unwrap_or_else(|error| end(&error))
    }
}

/// Ends the program as clap does, but prints no character of an argument that does not print.
fn end(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit(); // the help, or the version
    }
    let text = error.render().to_string();
    logging::print_error(text.strip_prefix("error: ").unwrap_or(&text).trim_end(), "");
    std::process::exit(error.exit_code())
}

/// The program as clap sees it. The help lists the hidden settings apart.
fn program() -> clap::Command {
    let program = Cli::command().mut_args(|argument| argument.hide_env_values(true));
    let secret = |argument: &Arg| {
        let help = argument.get_help()?;
        Some(format!("\n  [env: {}]\n          {help}\n", variable(argument)?))
    };
    let secrets: String =
        program.get_arguments().filter(|argument| argument.is_hide_set()).filter_map(secret).collect();
    let text = format!("{SECRETS}{secrets}");
    program.mut_subcommands(|command| command.after_help(text.clone())).after_help(text)
}

fn variable(argument: &Arg) -> Option<&str> {
    argument.get_env().and_then(|name| name.to_str())
}

/// The refusal of a secret as a flag. It does not repeat the secret.
fn no_flag(argument: &Arg) -> String {
    let name = variable(argument).unwrap_or_default();
    let in_file = format!("{name}_FILE");
    let has_file = Cli::command().get_arguments().any(|other| variable(other) == Some(&in_file));
    let file =
        if has_file { format!(", or {in_file} to the path of a file that holds it") } else { String::new() };
    format!(
        "{name} can hold a secret, so it is not a flag: every user of this machine can read the flags of a program. Set the \
         variable {name}{file}. Change the secret if others use this machine"
    )
}

/// The program with these values where neither a flag nor a variable has one. A variable that is empty counts.
fn with_defaults(program: clap::Command, values: &BTreeMap<String, String>) -> clap::Command {
    program.mut_args(|argument| match variable(&argument).and_then(|name| values.get(name)) {
        Some(value) => argument.default_value(value),
        None => argument,
    })
}

fn require_utf8(program: &clap::Command) -> Result<(), ConfigError> {
    let settings = program.get_arguments().filter_map(variable);
    let is_broken = |name: &&str| env::var_os(name).is_some_and(|value| value.to_str().is_none());
    let problems: Vec<_> = settings
        .chain(PROXIES)
        .filter(is_broken)
        .map(|name| format!("{name} is not text in UTF-8"))
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
}
