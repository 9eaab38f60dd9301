//! Tests over HTTP, from the request to the answer.

mod contracts;
mod key_pairs;
pub mod links;

mod authorization;
mod bodies;
mod cors;
mod counts;
mod cursors;
mod demands;
mod edits;
mod error_texts;
mod errors;
mod health_and_paths;
pub mod hostile;
mod identity;
mod isolation;
mod issuers;
mod key_sets;
mod list_isolation;
mod lists;
mod lists_while_changing;
mod pages;
mod parameters;
mod refusal_order;
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
