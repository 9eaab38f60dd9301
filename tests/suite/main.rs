//! The test suite: one binary, a real PostgreSQL, the program as it is shipped, real sockets.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test that panics says what is wrong; the names of tests are their documentation"
)]

mod better_auth;
mod database;
mod documents;
mod http;
mod judges;
mod mutants;
mod operation;
mod world;
mod z_coverage;
