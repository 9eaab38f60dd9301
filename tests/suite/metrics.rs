//! Metrics, the second listener that they are on, and the log of slow requests.

mod admin;
mod authentication;
mod cardinality;
mod hostile;
mod keys;
mod log_lines;
mod memory;
mod pool;
mod pool_failures;
mod protection;
mod requests;
pub mod scrape;
mod slow_requests;
mod table;
mod waits;
