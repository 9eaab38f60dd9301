//! What pgrls says of the database: a linter and a prover of row-level security that others have made, for everybody's
//! databases. `tests/judges/pgrls.toml` has what it is told of this one.

mod lint;
mod pgrls;
mod proofs;
