//! Runs scripts one statement at a time. A distributed database (Citus) sends the text of a whole message to its nodes, so
//! that a message must not have two statements.

use refinery::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use tokio_postgres::{Client, Error, GenericClient, Transaction};

/// What each transaction of a migration begins with.
const BEGIN_MIGRATION: &str = include_str!("../../sql/schema/begin_migration.sql");

/// Runs a script, in the transaction that `client` may be in.
pub(crate) async fn run_script(client: &impl GenericClient, script: &str) -> Result<(), Error> {
    for statement in statements(script) {
        client.batch_execute(statement).await?;
    }
    Ok(())
}

/// Begins a transaction that may change tables, and their shards if the database is distributed.
pub(crate) async fn begin_migration(client: &mut Client) -> Result<Transaction<'_>, Error> {
    let transaction = client.transaction().await?;
    run_script(&transaction, BEGIN_MIGRATION).await?;
    Ok(transaction)
}

/// A client whose migrations run one statement at a time.
pub(super) struct Migrating<'a>(pub(super) &'a mut Client);

impl AsyncTransaction for Migrating<'_> {
    type Error = Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        scripts: T,
    ) -> Result<usize, Error> {
        let transaction = begin_migration(self.0).await?;
        let mut count = 0;
        for script in scripts {
            run_script(&transaction, script).await?;
            count += 1;
        }
        transaction.commit().await?;
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Migrating<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, Error> {
        self.0.query(query).await
    }
}

impl AsyncMigrate for Migrating<'_> {}

/// The statements of a script of this project. They end with `;` outside of texts, names, bodies and comments. The text after
/// the last one is a statement if it is more than comments.
pub fn statements(script: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = script.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.chars().next() {
            Some(';') => {
                statements.extend(script.get(from..=at));
                from = at + 1;
                1
            }
            Some('-') if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            Some(quote @ ('\'' | '"')) => end_of(rest, 1, &quote.to_string()),
            Some('$') => match dollar_quote(rest) {
                Some(quote) => end_of(rest, quote.len(), quote),
                None => 1,
            },
            other => other.map_or(1, char::len_utf8),
        };
        at += length;
    }
    let last = script.get(from..).unwrap_or_default();
    let is_comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with("--");
    statements.extend(Some(last).filter(|last| !last.lines().all(is_comment)));
    statements
}

/// Where a quoted text ends that begins with this many bytes.
fn end_of(text: &str, begins: usize, quote: &str) -> usize {
    let end = text.get(begins..).and_then(|inner| inner.find(quote));
    end.map_or(text.len(), |end| begins + end + quote.len())
}

/// `$$` or `$tag$`, if the text begins with it. `$1` is a parameter.
fn dollar_quote(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find('$')? + 2;
    let tag = text.get(1..end - 1)?;
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(char::is_numeric);
    text.get(..end).filter(|_| is_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_outside_of_texts_names_bodies_and_comments() {
        for (script, expected) in [
            ("a; b;", vec!["a;", " b;"]),
            ("a;\n-- the end; really\n", vec!["a;"]),
            ("a;\nreset role\n", vec!["a;", "\nreset role\n"]),
            ("a -- no; end\n; b;", vec!["a -- no; end\n;", " b;"]),
            ("a ';' ''';'; b", vec!["a ';' ''';';", " b"]),
            ("a \";\"; b", vec!["a \";\";", " b"]),
            ("do $$ a; '$' b; $$; c", vec!["do $$ a; '$' b; $$;", " c"]),
            ("do $x$ a; $$;$$ $x$; b", vec!["do $x$ a; $$;$$ $x$;", " b"]),
            ("a $1; b $2;", vec!["a $1;", " b $2;"]),
            ("ä '€;'; b", vec!["ä '€;';", " b"]),
            ("a ';", vec!["a ';"]),
            ("", vec![]),
        ] {
            assert_eq!(statements(script), expected, "{script:?}");
        }
    }
}
