//! Each mutant weakens the protection of a migrated database in one way, and `rowkeep audit` must report it.
//!
//! The mutants of tables come from the catalogue (`generated`), so a new table has its mutants without any change here.

mod fixers;
mod fresh_database;
mod generated;
mod groups;
mod harmless;
mod hidden;
mod identity;
mod lies;
mod memberships;
mod moved;
mod mutant;
mod objects;
mod others;
mod report;
mod roles;
mod second_table;
mod server;
mod settings;
mod test_cluster;
