//! Rowkeep: a task backend whose privacy is enforced by Postgres row-level security.
//!
//! # The road of a request
//!
//! ```text
//! request -> contract -> caller -> session (BEGIN, identity, query, COMMIT: one round trip) -> rows -> JSON
//! ```
//!
//! # Module map
//!
//! Read from top to bottom. A module uses only modules below it. The parts of `http` also use its `App`, the state that
//! handlers share.
//!
//! | module | what it holds |
//! |---|---|
//! | `fuzzing` | what must hold for any input; only the tests and the fuzzer compile it |
//! | [`commands`] | the commands: `rowkeep serve`, `migrate`, `audit`, `adopt`, `token`, `openapi` and `healthcheck` |
//! | [`config`] | every setting with its flag, variable, default and help text |
//! | [`development`] | the defaults of a checkout without settings: a private PostgreSQL, a secret, and tokens signed with it |
//! | [`http`] | the HTTP server: `server`, `client_stream`, `keep_alive` and `last_response` (connections), `middleware` (every request), `compression`, `host`, `cors`, `health`, and the contracts |
//! | [`http::user_tasks`], [`http::tasks`], [`http::v1_tasks`] | one contract each: routes, handlers, error format |
//! | `http::whole_list`, [`http::envelope`], [`http::response`] | lists of any length, objects around lists; responses and errors as clients see them |
//! | `http::connections`, `http::client_address`, `http::rate_limit` | limits of connections and requests, and whose they are |
//! | [`http::request`], [`http::body`], [`http::members`] | the parts of a request that a handler uses |
//! | `http::wal_position` | what a client has seen of the database, where replicas serve reads |
//! | [`http::response_memory`], `http::pace` | the memory limit of large responses and bodies; how fast clients read |
//! | `http::shares` | shares of users and addresses that shrink as the room fills |
//! | `http::documentation`, `http::openapi` | `/`, the page `/docs` and `/openapi.json`; the document that both show |
//! | `http::admin` | the second listener, for operators: `/live`, `/ready` and `/metrics` |
//! | `http::request_metrics`, `http::slow_requests`, `http::route_template` | what is counted of requests; lines about slow ones; the template of a path |
//! | `http::log_limit` | a limit for warnings that any client can cause |
//! | [`audit`] | `rowkeep audit`: who can see which rows, what differs from this release, and a proof by execution |
//! | [`adopt`] | `rowkeep adopt`: copies the tasks of another server's table, or nothing |
//! | [`schema`] | migrations and policies, and whether a database fits this release |
//! | [`cursor`] | encrypted positions in a list |
//! | [`tasks`] | tasks, pages of tasks, and one function for each file of `sql/tasks` |
//! | [`session`] | runs queries as a user in one round trip; only this module uses the pool |
//! | [`auth`] | verifies the token in an `Authorization` header and returns its [`auth::UserId`]; the keys for that |
//! | [`refusal`] | the reasons to refuse a request, without status codes |
//! | [`database`] | the address of a database, and connections to it |
//! | [`metrics`] | every metric with its help text, and the recorder for Prometheus; the times of a request |
//! | [`traces`] | the spans of a request and of its parts, and their export to a collector |
//! | [`outgoing`] | HTTP clients of issuers and of a collector |
//! | [`tls`] | TLS to the database, to issuers and to a collector |
//! | [`logging`] | the log: its levels and formats, and what it must never contain |
//! | [`secret_file`] | files that hold one secret |
//! | [`time_limit`] | time limits that read what has arrived before they look at the clock |
//! | [`instance`] | the name of this process among others |
//! | [`error_chain`] | the text of an error with its causes |
//! | [`version`] | the release and the commit of the program |
//!
//! Below Rust are `sql/` (the queries), `policies/` (who may see which rows, now) and `migrations/` (how the tables came
//! to be). There is no SQL anywhere else.

pub mod adopt;
pub mod audit;
pub mod auth;
pub mod commands;
pub mod config;
pub mod cursor;
pub mod database;
pub mod development;
pub mod error_chain;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod http;
pub mod instance;
pub mod logging;
pub mod metrics;
pub mod outgoing;
pub mod refusal;
pub mod schema;
pub mod secret_file;
pub mod session;
pub mod tasks;
pub mod time_limit;
pub mod tls;
pub mod traces;
pub mod version;
