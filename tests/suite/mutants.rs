//! Somebody loosens a migrated database, in one way at a time, and `rowkeep audit` says in which.
//!
//! What concerns tables is made from the catalogue (`generated`), so that a further table has its mutants without
//! being named here.

mod bench;
mod clean;
mod generated;
mod harmless;
mod hidden;
mod identity;
mod memberships;
mod moved;
mod mutant;
mod objects;
mod report;
mod roles;
mod second_table;
mod server;
mod settings;
