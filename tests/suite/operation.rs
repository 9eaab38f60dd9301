//! The program and its server in operation: settings, start and stop, health, logs, overload, outages, keys, the audit
//! command and the development database.

mod audit;
mod audit_under_load;
mod checkout;
mod concurrency;
mod connections;
mod database_outage;
mod database_proxy;
mod development;
mod development_checkout;
mod disconnects;
mod dotenv;
mod drift;
mod environments;
mod framing;
mod full_scans;
mod health;
mod key_file;
mod key_outage;
mod key_rotation;
mod key_several_sets;
mod key_tls;
mod logs;
pub mod overload;
pub mod program;
mod raw_client;
mod round_trip;
mod settings;
mod settings_keys;
mod settings_secrets;
mod shutdown;
mod slow_clients;
mod stalled_log;
mod whole_lists;
