//! The spans of the parts of a transaction, for a request that is traced. They hold names, and no value of a statement.
//!
//! A transaction has one span, not one for each of its statements: they leave in one write, and Postgres answers all of them
//! at the Sync at their end. Nobody on this side knows when the first one was done.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use tokio::time::Instant;

use super::connection::Backend;
use super::transaction::TransactionError;
use super::{Owner, Queries, Session, sqlstate};
use crate::database::Address;
use crate::refusal::Refusal;
use crate::traces::{Part, RequestTrace};

/// What the spans of all transactions say: the database, and where it is if it can be in one place only.
pub(super) fn attributes(address: &Address) -> Arc<[KeyValue]> {
    let config = address.config();
    let mut attributes = vec![KeyValue::new("db.system.name", "postgresql")];
    let database = config.get_dbname().or(config.get_user()).map(str::to_owned);
    attributes.extend(database.map(|database| KeyValue::new("db.namespace", database)));
    if let [host] = address.hosts().all.as_slice() {
        attributes.push(KeyValue::new("server.address", host.host.clone()));
        attributes.push(KeyValue::new("server.port", i64::from(host.port)));
    }
    attributes.into()
}

impl Owner {
    fn trace(&self) -> Option<&RequestTrace> {
        self.times.as_ref()?.trace.as_ref()
    }

    /// The wait for a turn has ended.
    pub(super) fn waited_for_turn(&self, since: Instant, is_full_scan: bool, got: bool) {
        let Some(trace) = self.trace() else { return };
        let attributes = vec![KeyValue::new("rowkeep.full_scan", is_full_scan)];
        let error = (!got).then_some(Cow::Borrowed("timeout"));
        let (name, kind, started) = ("turn".into(), SpanKind::Internal, since.into_std());
        trace.part(Part { name, kind, started, attributes, error });
    }

    /// The wait for a connection has ended.
    pub(super) fn waited_for_connection(&self, since: Instant, got: bool) {
        let Some(trace) = self.trace() else { return };
        let error = (!got).then_some(Cow::Borrowed("unavailable"));
        let (name, kind, started) = ("connection".into(), SpanKind::Internal, since.into_std());
        trace.part(Part { name, kind, started, attributes: vec![], error });
    }
}

impl Session {
    /// A transaction has ended, with this error if it has failed; or its deadline has passed before.
    pub(super) fn ran_transaction(
        &self,
        owner: &Owner,
        since: Instant,
        queries: &Queries,
        backend: &Backend,
        outcome: Option<Option<&TransactionError>>,
    ) {
        let Some(trace) = owner.trace() else { return };
        let names: Vec<_> = queries.all().map(|bound| bound.query.statement.name).collect();
        let names = names.join(" ");
        let mut attributes = self.span_attributes.to_vec();
        attributes.push(KeyValue::new("db.query.summary", names.clone()));
        attributes.push(KeyValue::new("rowkeep.backend_pid", i64::from(backend.process_id)));
        let error = match outcome {
            None => Some(Cow::Borrowed("timeout")),
            Some(None) => None,
            Some(Some(TransactionError { error, .. })) => {
                let state = error.code().map(|state| state.code().to_owned());
                attributes.extend(state.clone().map(|state| KeyValue::new("db.response.status_code", state)));
                // A value that breaks a rule is the client's mistake. Nobody has to be woken for it.
                let refusal = sqlstate::refusal(error, &self.constraint_messages);
                let is_fault = !matches!(refusal, Refusal::Invalid(_));
                is_fault.then(|| state.map_or(Cow::Borrowed("connection_lost"), Cow::Owned))
            }
        };
        let (name, kind, started) = (format!("statement {names}"), SpanKind::Client, since.into_std());
        trace.part(Part { name: name.into(), kind, started, attributes, error });
    }
}
