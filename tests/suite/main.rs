//! The test suite: one program that tests the real server over real sockets, with a real PostgreSQL.
//!
//! Tests that need more than Rust and PostgreSQL are `#[ignore]`d and name what they need. `make test` leaves them out,
//! `make test-all` runs them as well.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test fails by a panic")]

mod adoption;
mod better_auth;
mod browser;
mod citus;
mod coverage;
mod database;
mod dba;
mod deploy;
mod documents;
mod example;
mod fuzzing;
mod http;
mod landscapes;
mod metrics;
mod monitoring;
mod mutants;
mod nginx;
mod openapi;
mod operation;
mod pgrls;
mod poolers;
mod replicas;
mod shipping;
mod traces;
mod world;
