//! pgrls, an independent linter and prover for row-level security, checks the database. `tests/pgrls/pgrls.toml` is its
//! configuration.

mod lint;
mod program;
mod proofs;
