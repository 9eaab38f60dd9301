//! Rowkeep behind a connection pooler in transaction mode: a real PgBouncer.

mod answers;
mod commands;
mod endings;
pub mod pgbouncer;
mod settings;
mod start;
