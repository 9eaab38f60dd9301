//! Values for the parameters of any query, chosen by their types.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

use super::super::support::without_comments;

/// A value as text, for a parameter of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(pub Option<String>);

impl ToSql for Literal {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A column of a result, of any type. It can only be compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Raw(Option<Vec<u8>>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, value: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(value.to_vec())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The rows of any result.
pub fn raw(rows: &[Row]) -> Vec<Vec<Raw>> {
    rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
}

/// The values that are tried for a parameter. An integer may be an id or a bound: it takes each of `ids`, 0, the greatest id
/// and null. Another type gets one or two values and null, an unknown type only null.
fn candidates(kind: &Type, ids: &[i64]) -> Vec<Literal> {
    // The greatest id is the greatest integer of JavaScript.
    let numbers = || ids.iter().copied().chain([0, 9_007_199_254_740_991]).map(|number| number.to_string());
    let texts: Vec<String> = match *kind {
        Type::INT2 | Type::INT4 | Type::INT8 => numbers().collect(),
        Type::BOOL => vec!["true".into(), "false".into()],
        Type::TEXT | Type::VARCHAR | Type::BYTEA => vec!["bound".into(), String::new()],
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => vec!["1".into()],
        Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ => vec!["2026-01-10".into()],
        Type::UUID => vec!["550e8400-e29b-41d4-a716-446655440000".into()],
        Type::JSON | Type::JSONB => vec!["{}".into()],
        _ => vec![],
    };
    texts.into_iter().map(Some).chain([None]).map(Literal).collect()
}

/// Whether a parameter is only a limit or an offset. It then gets null, so that no row is left out.
fn leaves_out(sql: &str, number: usize) -> bool {
    let (sql, parameter) = (without_comments(sql), format!("${number}"));
    let parts: Vec<_> = sql.split(&parameter).collect();
    let is_longer = |rest: &str| rest.starts_with(|next: char| next.is_ascii_digit());
    let [before, after] = parts[..] else { return false };
    !is_longer(after) && (before.ends_with("limit ") || before.ends_with("offset "))
}

/// All combinations of values for the parameters of `sql` after the first `skipped`. The most ordinary one comes first.
pub async fn bindings(client: &Client, sql: &str, skipped: usize, ids: &[i64]) -> Vec<Vec<Literal>> {
    let prepared = client.prepare(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));

    let mut bindings = vec![vec![]];
    for (index, kind) in prepared.params().iter().enumerate().skip(skipped) {
        let none = vec![Literal(None)];
        let candidates = if leaves_out(sql, index + 1) { none } else { candidates(kind, ids) };
        let with = |binding: &Vec<Literal>| {
            let binding = binding.clone();
            candidates
                .clone()
                .into_iter()
                .map(move |value| [binding.clone(), vec![value]].concat())
                .collect::<Vec<_>>()
        };
        bindings = bindings.iter().flat_map(with).collect();
    }
    assert!(bindings.len() <= 4096, "too many combinations of parameters: {sql}");
    bindings
}
