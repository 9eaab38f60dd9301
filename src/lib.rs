//! Rowkeep: a task backend whose privacy is enforced by Postgres row-level security.
//!
//! # The road of a request
//!
//! ```text
//! request -> contract -> caller -> session (BEGIN, identity, question, COMMIT: one flush) -> rows -> JSON
//! ```
//!
//! # Map
//!
//! Read from top to bottom; a module uses what stands below it, never what stands above.
//!
//! | where | what lives there |
//! |---|---|
//! | [`commands`] | what `rowkeep serve`, `migrate`, `audit`, `token` and `healthcheck` do |
//! | [`config`] | every setting: flag, variable, default and help in one place |
//! | [`logging`] | what is written to the log, and what never is |
//! | [`development`] | the private PostgreSQL and the secret of a checkout with nothing configured; `token` makes tokens to develop with |
//! | [`http`] | the server: `server` (connections), `front` (every request), `cors`, `health`, `whole_list`, `room` (memory for large answers), and the contracts |
//! | [`http::user_tasks`], [`http::tasks`], [`http::v1_tasks`] | one contract each |
//! | [`http::request`], [`http::body`] | what a handler knows of its request, none of it believed yet |
//! | [`http::answer`] | how an answer and a refusal look on the wire |
//! | [`audit`] | `rowkeep audit`: who can see what, what differs from this release, and what happens when somebody tries |
//! | [`schema`] | migrations, then policies; whether the database is as this release needs it |
//! | [`cursor`] | where a list goes on, sealed |
//! | [`tasks`] | a task, lists of them, and one function for each file of `sql/tasks` |
//! | [`session`] | the pool's only user: a user and a question to rows, in one round trip; `pipeline` and `transport` lie below the driver |
//! | [`auth`] | turns an `Authorization` header into a [`auth::UserId`], and keeps the keys for that up to date |
//! | [`refusal`] | why a request ends without its answer |
//! | [`database`] | an address to a connection |
//! | [`error_chain`] | one text for an error and all of its causes |
//! | [`tls`] | TLS to the database and to issuers |
//!
//! Below Rust stand `sql/` (the questions), `policies/` (who may see which rows, now) and `migrations/` (how the
//! tables came to be). There is no SQL anywhere else.

pub mod audit;
pub mod auth;
pub mod commands;
pub mod config;
pub mod cursor;
pub mod database;
pub mod development;
pub mod error_chain;
pub mod http;
pub mod logging;
pub mod refusal;
pub mod schema;
pub mod session;
pub mod tasks;
pub mod tls;
