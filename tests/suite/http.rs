//! What goes over the wire.

mod contracts;

mod around;
mod authorization;
mod bodies;
mod cors;
mod demands;
mod edits;
mod errors;
pub mod hostile;
mod identity;
mod isolation;
mod issuers;
mod key_sets;
mod lists;
mod order;
mod pairs;
pub mod routes;
mod sizes_and_types;
mod tasks;
mod texts;
mod times;
pub mod tokens;
mod user_ids;
mod user_tasks;
mod v1_tasks;
mod words;
