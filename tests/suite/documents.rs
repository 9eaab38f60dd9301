//! The documents are correct: every link has a target, the things they name exist, and commands print the output that is shown.

pub mod commands;
mod links;
pub mod markdown;
pub mod migrations;
mod module_map;
mod program;
mod sign_in;
