//! `rowkeep openapi`: prints the OpenAPI document, for programs that make clients of it.

use std::io::Write;

use super::Failure;
use crate::config::Config;
use crate::http;

pub(super) fn print(config: &Config) -> Result<(), Failure> {
    writeln!(
        std::io::stdout(),
        "{:#}",
        http::document(&config.envelopes, !config.replication.replicas.is_empty())
    )?;
    Ok(())
}
