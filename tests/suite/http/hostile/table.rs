//! Tokens, and whether each is to be believed.

/// Rows of a kind. Each table has honest ones beside the others, made by the same hand: a server that refuses
/// everything fails.
#[derive(Default)]
pub struct Table(pub Vec<Row>);

pub struct Row {
    pub label: String,
    pub token: String,
    pub believed: bool,
}

impl Table {
    pub fn believed(&mut self, label: impl Into<String>, token: impl Into<String>) {
        self.0.push(Row { label: label.into(), token: token.into(), believed: true });
    }

    pub fn refused(&mut self, label: impl Into<String>, token: impl Into<String>) {
        self.0.push(Row { label: label.into(), token: token.into(), believed: false });
    }
}
