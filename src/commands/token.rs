//! `rowkeep token`: prints a token for development.

use std::io::Write;

use super::{Failure, add_development_secret};
use crate::config::Config;
use crate::development::token;

pub(super) fn print(config: &mut Config, user: &str, lifetime: u64) -> Result<(), Failure> {
    if !config.development {
        return Err("tokens are made in development only: get one from your sign-in server".into());
    }
    add_development_secret(config)?;
    let token = token::mint(&config.token_rules, user, lifetime)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}
