//! Plans as EXPLAIN prints them.

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

/// A node of a plan, with the nodes below it.
#[derive(Debug)]
pub struct Plan(Value);

impl Plan {
    /// The plan of a statement that is not run.
    pub async fn of(client: &Client, statement: &str) -> Self {
        Self::explained(client, &format!("explain (format json) {statement}")).await
    }

    /// The plan of a statement that was run.
    pub async fn run(client: &Client, statement: &str) -> Self {
        Self::explained(client, &format!("explain (analyze, buffers, format json) {statement}")).await
    }

    async fn explained(client: &Client, statement: &str) -> Self {
        let answer =
            client.simple_query(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        let text = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan: Value = serde_json::from_str(text.expect("a plan")).expect("JSON");
        Self(plan[0]["Plan"].clone())
    }

    /// The number of buffers that it read, from memory or from disk.
    pub fn buffers(&self) -> u64 {
        self.number("Shared Hit Blocks") + self.number("Shared Read Blocks")
    }

    /// The number of rows that it returned.
    pub fn rows(&self) -> u64 {
        self.number("Actual Rows")
    }

    /// The number of rows that the planner expected.
    pub fn estimate(&self) -> u64 {
        self.number("Plan Rows")
    }

    /// All scans of the plan.
    pub fn scans(&self) -> Vec<Scan> {
        let nodes = self.nodes();
        let scans = nodes.iter().filter(|node| node.text("Node Type").contains("Scan"));
        // The index of a bitmap scan is a node of its own, and a sub-query reads the row of the node above it.
        let others = ["Bitmap Heap Scan", "Subquery Scan"];
        let scans = scans.filter(|node| !others.contains(&&*node.text("Node Type")));
        scans
            .map(|node| Scan {
                kind: node.text("Node Type"),
                index: node.text("Index Name"),
                looks_for: node.text("Index Cond"),
            })
            .collect()
    }

    /// All conditions that are checked row by row.
    pub fn filters(&self) -> Vec<String> {
        self.nodes().iter().map(|node| node.text("Filter")).filter(|text| !text.is_empty()).collect()
    }

    /// The method and the kilobytes of each sort.
    pub fn sorts(&self) -> Vec<(String, u64)> {
        let nodes = self.nodes();
        let sorts = nodes.iter().filter(|node| node.text("Node Type").contains("Sort"));
        sorts.map(|node| (node.text("Sort Method"), node.number("Sort Space Used"))).collect()
    }

    fn nodes(&self) -> Vec<Self> {
        let below = self.0["Plans"].as_array().into_iter().flatten();
        let mut nodes: Vec<_> = below.flat_map(|plan| Self(plan.clone()).nodes()).collect();
        nodes.push(Self(self.0.clone()));
        nodes
    }

    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap_or_default().to_owned()
    }

    fn number(&self, name: &str) -> u64 {
        // Rows have a fraction from PostgreSQL 18 on.
        self.0[name].as_f64().unwrap_or_else(|| panic!("no {name}: {:#}", self.0)) as u64
    }
}

/// A node that reads rows.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    pub kind: String,
    /// Empty if every row of the table is read.
    pub index: String,
    pub looks_for: String,
}
