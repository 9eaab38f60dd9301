//! How a question is asked that nobody has told us about: every parameter by its type.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

/// A value as psql would write it, for a parameter of any type.
#[derive(Clone, Debug)]
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

/// What came back in a column, of whatever type: to be compared and for nothing else.
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

/// Rows of any columns.
pub fn raw(rows: &[Row]) -> Vec<Vec<Raw>> {
    rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
}

/// What is tried for a parameter. A whole number may be an id, or a limit that is none: it is the row's id, and null. A
/// text and whatever else there is gets one value and null; an unknown type null alone.
fn candidates(kind: &Type, id: i64) -> Vec<Literal> {
    let (number, some, none) = (id.to_string(), |text: &str| Literal(Some(text.into())), Literal(None));
    match *kind {
        Type::INT2 | Type::INT4 | Type::INT8 => vec![some(&number), none],
        Type::BOOL => vec![some("true"), some("false")],
        Type::TEXT | Type::VARCHAR | Type::BYTEA => vec![some("bound"), none],
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => vec![some("1"), none],
        Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ => vec![some("2026-01-10"), none],
        Type::UUID => vec![some("550e8400-e29b-41d4-a716-446655440000"), none],
        Type::JSON | Type::JSONB => vec![some("{}"), none],
        _ => vec![none],
    }
}

/// Every combination of values for the parameters of `sql` after the first `skipped`, the most ordinary one first.
pub async fn bindings(client: &Client, sql: &str, skipped: usize, id: i64) -> Vec<Vec<Literal>> {
    let prepared = client.prepare(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));

    let mut bindings = vec![vec![]];
    for kind in prepared.params().iter().skip(skipped) {
        let candidates = candidates(kind, id);
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
    assert!(bindings.len() <= 4096, "too many ways to ask {sql}");
    bindings
}
