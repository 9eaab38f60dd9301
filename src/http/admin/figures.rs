//! The figures that are read when Prometheus asks: modules keep them for their own use.

use std::time::UNIX_EPOCH;

use ::metrics::{counter, gauge};

use crate::auth::KeySetFigures;
use crate::http::App;
use crate::logging::Log;
use crate::metrics::unix_seconds;
use crate::session::{Closed, LeftOut, PoolFigures, Replicas, Went};

/// Reads every figure anew.
pub(super) fn refresh(app: &App, log: &Log) {
    let pool = app.database().map(|database| database.session.figures()).unwrap_or_default();
    refresh_pool(&pool);
    let replicas = app.database().ok().and_then(|database| database.session.replicas());
    replicas.into_iter().for_each(refresh_replicas);
    app.verifier.key_sets().iter().for_each(refresh_key_set);

    let (is_protected, checked) = app.health.protection.last().unwrap_or((false, UNIX_EPOCH));
    gauge!("rowkeep_protected").set(one_if(is_protected));
    gauge!("rowkeep_protection_checked_timestamp_seconds").set(unix_seconds(checked));

    counter!("rowkeep_log_lines_dropped_total").absolute(log.dropped());
    // Begins with 0, also if no request counts as slow.
    counter!("rowkeep_slow_requests_total").increment(0);
    let (taken, room) = app.response_memory.taken_and_room();
    gauge!("rowkeep_response_memory_bytes").set(taken as f64);
    gauge!("rowkeep_response_memory_limit_bytes").set(room as f64);
}

fn refresh_pool(pool: &PoolFigures) {
    for (state, number) in
        [("in_use", f64::from(pool.in_use)), ("idle", f64::from(pool.idle)), ("lost", pool.lost as f64)]
    {
        gauge!("rowkeep_pool_connections", "state" => state).set(number);
    }
    gauge!("rowkeep_pool_size").set(pool.size);
    gauge!("rowkeep_pool_waiting").set(pool.waiting as f64);
    counter!("rowkeep_pool_connections_opened_total").absolute(pool.opened);
    for (reason, number) in Closed::ALL.into_iter().zip(pool.closed) {
        counter!("rowkeep_pool_connections_closed_total", "reason" => reason.word()).absolute(number);
    }
    counter!("rowkeep_pool_connect_failures_total").absolute(pool.connect_failures);
    gauge!("rowkeep_database_reachable").set(one_if(pool.is_reachable));
}

fn refresh_replicas(replicas: &Replicas) {
    for replica in replicas.figures() {
        let number = replica.number.to_string();
        gauge!("rowkeep_replica_in_use", "replica" => number.clone()).set(one_if(replica.is_in_use));
        gauge!("rowkeep_replica_lag_bytes", "replica" => number.clone()).set(replica.lag_bytes as f64);
        for (reason, times) in LeftOut::ALL.into_iter().zip(replica.left_out) {
            let labels = [("replica", number.clone()), ("reason", reason.word().to_owned())];
            counter!("rowkeep_replica_left_out_total", &labels).absolute(times);
        }
    }
    for (went, reads) in Went::ALL.into_iter().zip(replicas.reads()) {
        counter!("rowkeep_replica_reads_total", "went" => went.word()).absolute(reads);
    }
}

fn refresh_key_set(set: &KeySetFigures) {
    gauge!("rowkeep_key_set_age_seconds", "key_set" => set.setting).set(set.age);
    gauge!("rowkeep_key_set_keys", "key_set" => set.setting).set(set.keys as f64);
    gauge!("rowkeep_key_set_usable", "key_set" => set.setting).set(one_if(set.keys > 0));
    counter!("rowkeep_key_set_failures_total", "key_set" => set.setting).absolute(set.failures);
}

fn one_if(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
