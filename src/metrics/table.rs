//! Every metric with its help text. A test compares this table with docs/metrics.md and with what a server exposes.

/// A metric as Prometheus sees it.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    /// Of times in seconds.
    Histogram,
}

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, labels, help }
}

use Kind::{Counter, Gauge, Histogram};

/// Every metric. The name ends with the unit, or with `_total` if it counts.
pub const METRICS: &[Metric] = &[
    metric(
        "rowkeep_http_requests_total",
        Counter,
        &["contract", "route", "method", "status"],
        "Requests that were answered, and those whose client left before (status 499).",
    ),
    metric(
        "rowkeep_http_request_duration_seconds",
        Histogram,
        &["contract", "route", "method"],
        "Time from the head of a request until the head of its answer is ready.",
    ),
    metric("rowkeep_http_connections", Gauge, &[], "Open connections of clients, within the limit."),
    metric(
        "rowkeep_http_connections_limit",
        Gauge,
        &[],
        "The largest number of open connections of clients.",
    ),
    metric(
        "rowkeep_http_connections_refused_total",
        Counter,
        &[],
        "Connections of clients beyond the limit, or beyond the share of their address.",
    ),
    metric(
        "rowkeep_pool_connections",
        Gauge,
        &["state"],
        "Connections to the database that requests use (in_use), that nothing uses (idle), and that were given up and whose \
         backend may still run (lost).",
    ),
    metric(
        "rowkeep_pool_size",
        Gauge,
        &[],
        "The largest number of connections to the database that requests may use. 0 until the database was reached.",
    ),
    metric(
        "rowkeep_pool_waiting",
        Gauge,
        &[],
        "Requests that wait for their turn to use a connection to the database.",
    ),
    metric(
        "rowkeep_pool_connections_opened_total",
        Counter,
        &[],
        "Connections to the database that were opened for requests.",
    ),
    metric(
        "rowkeep_pool_connections_closed_total",
        Counter,
        &["reason"],
        "Connections to the database that were closed and not used again.",
    ),
    metric(
        "rowkeep_pool_connect_failures_total",
        Counter,
        &[],
        "Connections to the database that could not be opened for requests.",
    ),
    metric(
        "rowkeep_database_reachable",
        Gauge,
        &[],
        "1 if the last connection to the database could be opened, else 0. 0 before the first.",
    ),
    metric(
        "rowkeep_replica_in_use",
        Gauge,
        &["replica"],
        "1 if the read replica serves reads, else 0. Its number is its place in DATABASE_REPLICA_URL.",
    ),
    metric(
        "rowkeep_replica_lag_bytes",
        Gauge,
        &["replica"],
        "How much of the primary's log the read replica had not replayed when it was last asked.",
    ),
    metric(
        "rowkeep_replica_left_out_total",
        Counter,
        &["replica", "reason"],
        "How often the read replica was left out.",
    ),
    metric(
        "rowkeep_replica_reads_total",
        Counter,
        &["went"],
        "Reads where replicas are configured: to a replica, or to the primary and why.",
    ),
    metric(
        "rowkeep_turn_wait_seconds",
        Histogram,
        &[],
        "Time that a transaction waited for its turn to use a connection.",
    ),
    metric(
        "rowkeep_connection_wait_seconds",
        Histogram,
        &[],
        "Time that a transaction with a turn waited for a connection to the database.",
    ),
    metric(
        "rowkeep_database_duration_seconds",
        Histogram,
        &["query"],
        "Time of a transaction, from its first statement until the answer of the COMMIT.",
    ),
    metric(
        "rowkeep_authentication_failures_total",
        Counter,
        &["reason"],
        "Requests without an acceptable token, and with a path that names another user (other_user).",
    ),
    metric(
        "rowkeep_rate_limited_total",
        Counter,
        &["limit"],
        "Requests beyond the rate limit of a user, or of an address that fails to sign in.",
    ),
    metric(
        "rowkeep_origins_refused_total",
        Counter,
        &[],
        "Requests of pages whose origin is not in CORS_ORIGINS.",
    ),
    metric(
        "rowkeep_key_set_age_seconds",
        Gauge,
        &["key_set"],
        "Time since the key set was last read with success, or since the start of the server.",
    ),
    metric("rowkeep_key_set_keys", Gauge, &["key_set"], "Known keys of the key set."),
    metric("rowkeep_key_set_usable", Gauge, &["key_set"], "1 if a key of the key set is known, else 0."),
    metric("rowkeep_key_set_failures_total", Counter, &["key_set"], "Reads of the key set that failed."),
    metric(
        "rowkeep_protected",
        Gauge,
        &[],
        "1 if the last look at the database found that its policies restrict requests, else 0. 0 before the first look.",
    ),
    metric(
        "rowkeep_protection_checked_timestamp_seconds",
        Gauge,
        &[],
        "When a look at the database last told whether its policies restrict requests. 0 before the first.",
    ),
    metric(
        "rowkeep_log_lines_dropped_total",
        Counter,
        &[],
        "Lines of the log that were dropped because nobody read standard error.",
    ),
    metric(
        "rowkeep_response_memory_bytes",
        Gauge,
        &[],
        "Memory of large answers that clients have not read yet, and of large bodies.",
    ),
    metric("rowkeep_response_memory_limit_bytes", Gauge, &[], "The limit of that memory."),
    metric("rowkeep_slow_requests_total", Counter, &[], "Requests that took longer than SLOW_REQUEST_MS."),
    metric(
        "rowkeep_spans_total",
        Counter,
        &["outcome"],
        "Spans of traces: exported, dropped because too many waited, or failed because the collector did not take them.",
    ),
    metric("rowkeep_build_info", Gauge, &["version", "commit"], "1. The labels say which program runs."),
    metric("process_start_time_seconds", Gauge, &[], "When the process started, in seconds since 1970."),
];
