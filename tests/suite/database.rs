//! What holds inside the database.

mod audit_checks;
pub mod catalogue;
mod collation;
mod comments;
mod connection;
mod constraints;
mod declared;
mod growth;
mod identity;
mod letters;
mod locks;
mod logins;
mod migrate;
mod migrate_at_once;
mod migrate_by_hand;
pub mod migration_files;
mod migration_lock;
pub mod old_and_new;
mod one_shard;
mod plans;
mod privileges;
mod queries;
pub mod release_before;
mod releases;
mod repair;
mod restore;
mod search_path;
mod serving;
mod shared_cluster;
mod strangers;
pub mod support;
#[cfg(target_os = "linux")]
mod tls;
#[cfg(target_os = "linux")]
mod tls_faults;
mod touch;
mod two_locks;
mod viewpoints;
