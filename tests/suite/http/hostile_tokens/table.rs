//! A table of tokens, and whether each must be accepted.

/// Tokens of one kind. Each table has valid ones, too, made by the same code: a server that refuses everything fails.
#[derive(Default)]
pub struct Table(pub Vec<Row>);

pub struct Row {
    pub label: String,
    pub token: String,
    pub is_accepted: bool,
}

impl Table {
    pub fn accepted(&mut self, label: impl Into<String>, token: impl Into<String>) {
        self.0.push(Row { label: label.into(), token: token.into(), is_accepted: true });
    }

    pub fn refused(&mut self, label: impl Into<String>, token: impl Into<String>) {
        self.0.push(Row { label: label.into(), token: token.into(), is_accepted: false });
    }
}
