//! What goes over the wire.

mod contracts;
pub mod links;

mod around;
mod authorization;
mod bodies;
mod cors;
mod counts;
mod cursors;
mod demands;
mod edits;
mod errors;
pub mod hostile;
mod identity;
mod isolation;
mod issuers;
mod key_sets;
mod lists;
mod meanwhile;
mod order;
mod others_lists;
mod pages;
mod pairs;
mod parameters;
mod remembered;
pub mod routes;
mod search;
mod sizes_and_types;
mod sorts;
mod tasks;
mod texts;
mod times;
pub mod tokens;
mod user_ids;
mod user_tasks;
mod v1_tasks;
mod words;
