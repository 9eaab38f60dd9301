//! Starting, stopping, overload, and the development database.

mod audit;
mod audit_busy;
mod checkout;
mod concurrency;
mod development;
mod development_checkout;
mod disconnects;
mod dotenv;
mod drift;
mod framing;
mod health;
mod key_file;
mod key_mix;
mod key_outage;
mod key_rotation;
mod key_tls;
mod logs;
mod outage;
mod overload;
pub mod program;
mod proxy;
mod raw;
mod readme_audit;
mod round_trip;
mod settings;
mod settings_keys;
mod settings_secrets;

mod slow_clients;
mod stopping;
