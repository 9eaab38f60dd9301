//! The nodes of a distributed database (Citus): their policies decide about rows, so each node is looked at.

use futures_util::future::join5;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::checks::{MISSING_PRIVILEGES, PROTECTION, fault};
use super::{ProbeError, explain};
use crate::database::describe;
use crate::session::connection::PooledConnection;
use crate::session::nodes::{NodeMap, NodeRanges};
use crate::session::statements::{
    ASSUME_ROLE, BEGIN_READ, COMMIT, NODE_TIME_LIMIT, NODES, PROBE, PROBE_NODE, ROLLBACK, Statement,
};
use crate::session::transaction::{begin, omit_syncs, without_sync};

/// The nodes that hold rows. None if the database is not distributed.
pub(super) struct Nodes(Vec<Node>);

/// A row of `sql/nodes/list.sql`.
struct Node {
    host: String,
    port: i32,
    shards: Vec<String>,
    sees_nothing: String,
    /// Of `app.tasks`: the first and the last hash of each shard.
    ranges: Vec<(i32, i32)>,
}

/// What a look at one node has seen.
pub(super) struct Looked {
    /// Its address.
    node: String,
    /// The row of `sql/nodes/probe.sql`.
    rows: Result<Vec<Row>, Error>,
}

impl Nodes {
    /// The nodes of the database that has this row of `sql/session/probe.sql`.
    pub(super) async fn of_database(connection: &PooledConnection, probed: &[Row]) -> Result<Self, Error> {
        if !probed.iter().any(|row| row.try_get("may_have_nodes").unwrap_or(false)) {
            return Ok(Self(Vec::new()));
        }
        let rows = ask(connection, &NODES, &[]).await?;
        rows.iter().map(Node::from_row).collect::<Result<_, _>>().map(Self)
    }

    /// Which users each has.
    pub(super) fn map(&self) -> NodeMap {
        let ranges = |node: &Node| NodeRanges { address: node.address(), ranges: node.ranges.clone() };
        NodeMap(self.0.iter().map(ranges).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at one node after the other. Each has a second to answer.
    pub(super) async fn look_at_each(&self, connection: &PooledConnection) -> Vec<Looked> {
        // Nobody is identified on a node.
        let probe = PROBE.sql.replace("$1", "null");
        let mut looked = Vec::new();
        for node in &self.0 {
            let parameters: [&(dyn ToSql + Sync); 5] =
                [&node.host, &node.port, &probe, &node.shards, &node.sees_nothing];
            let rows = ask(connection, &PROBE_NODE, &parameters).await;
            looked.push(Looked { node: node.address(), rows });
        }
        looked
    }
}

impl Node {
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn from_row(row: &Row) -> Result<Self, Error> {
        let hashes = |column: &str| row.try_get::<_, Option<Vec<i32>>>(column).map(Option::unwrap_or_default);
        Ok(Self {
            ranges: hashes("ranges_from")?.into_iter().zip(hashes("ranges_to")?).collect(),
            host: row.try_get("host")?,
            port: row.try_get("port")?,
            shards: row.try_get("shards")?,
            sees_nothing: row.try_get("sees_nothing")?,
        })
    }
}

/// Runs one statement as the role of requests, in a transaction of its own with a short time limit.
async fn ask(
    connection: &PooledConnection,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    omit_syncs(connection, 4);
    let (begun, limited, assumed, rows, committed) = join5(
        begin(connection, &BEGIN_READ),
        connection.run(&NODE_TIME_LIMIT, &[]),
        connection.run(&ASSUME_ROLE, &[]),
        without_sync(connection, connection.run(statement, parameters)),
        connection.run(&COMMIT, &[]),
    )
    .await;
    let answer = begun.and(limited).and(assumed).and(rows).and_then(|rows| committed.map(|_| rows));
    if answer.is_err() {
        // The COMMIT was skipped.
        let _ = connection.run(&ROLLBACK, &[]).await;
    }
    answer
}

impl Looked {
    /// Its address, if it did not answer.
    pub(super) fn lost(&self) -> Option<String> {
        let is_lost = match &self.rows {
            Err(error) => matches!(explain(error), ProbeError::Busy | ProbeError::Unavailable(_)),
            // Citus says why it does not reach a node. An error of the node itself begins with its severity, in capitals.
            Ok(_) => self.problem().is_some_and(|problem| problem.starts_with(char::is_lowercase)),
        };
        is_lost.then(|| self.node.clone())
    }

    /// What is wrong with a node that answers.
    pub(super) fn failure(&self) -> Option<ProbeError> {
        if self.lost().is_some() {
            return None;
        }
        let unusable = |problem: String| Some(ProbeError::Unusable(format!("node {}: {problem}", self.node)));
        let rows = match (&self.rows, self.problem()) {
            (Err(error), _) => return unusable(describe(error)),
            (Ok(_), Some(problem)) => return unusable(problem),
            (Ok(rows), None) => rows,
        };
        let of_node = PROTECTION.iter().filter(|(column, _)| *column != "identity_taken");
        let failed = of_node.chain([&UNSEEN]).find_map(|(column, text)| {
            fault(rows, column, if *column == "unfenced" { UNFENCED } else { text })
        });
        if let Some(problem) = failed {
            return Some(ProbeError::Unprotected(format!("node {}: {problem}", self.node)));
        }
        let (column, text) = MISSING_PRIVILEGES;
        fault(rows, column, text).and_then(unusable)
    }

    /// Why the node has not been asked, or its error.
    fn problem(&self) -> Option<String> {
        let rows = self.rows.iter().flatten();
        rows.filter_map(|row| row.try_get::<_, Option<String>>("problem").ok()).flatten().next()
    }
}

const UNSEEN: (&str, &str) = (
    "unseen",
    "the node does not show it to rowkeep_api, so that nobody knows how it is protected: run `rowkeep audit`",
);

const UNFENCED: &str = "the fence of this shard is not restrictive, so that one mistaken policy would show every row: run \
     sql/scale/restore_fence.sql with psql on the coordinator";
