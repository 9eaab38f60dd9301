//! The documents say what is true: links lead somewhere, what is named exists, and commands print what is shown.

mod commands;
mod links;
mod markdown;
mod program;
mod sign_in;
