//! `rowkeep adopt`: the tasks of another server's table come into Rowkeep as they were, all of them or none.

mod columns;
mod large;
mod locks;
pub mod old_server;
mod problems;
mod protection;
mod repeats;
mod sources;
mod sqlmodel;
mod values;
