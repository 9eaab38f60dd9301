//! Which column of the source becomes which column of a task.

use tokio_postgres::{Error, Row};

use super::source::Table;

/// A column of the source.
#[derive(Clone, Debug)]
pub(super) struct Column {
    name: String,
    /// The type as SQL writes it.
    shown: String,
    kind: String,
    is_required: bool,
}

impl Column {
    /// From a row of `sql/adopt/source_columns.sql`.
    pub(super) fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            name: row.try_get("name")?,
            shown: row.try_get("type")?,
            kind: row.try_get("kind")?,
            is_required: row.try_get("is_required")?,
        })
    }
}

/// What happens to the columns of the source.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// Each column of a task, and where it comes from.
    pub(super) mapped: Vec<(&'static str, String)>,
    /// The names of the columns that no task has.
    pub(super) ignored: Vec<String>,
}

impl Columns {
    /// Finds the columns of a task among those of the source.
    ///
    /// # Errors
    /// What is wrong with the columns, to be read after the name of the table.
    pub(super) fn of(columns: &[Column], table: &Table) -> Result<Self, String> {
        let found = |name: &str| columns.iter().find(|column| column.name == name);
        let names = || columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let of_kinds = |name: &str, kinds: &[&str], wanted: &str, advice: &str| match found(name) {
            None => Err(format!("has no column {name}{advice} (its columns: {})", names())),
            Some(column) if kinds.contains(&column.kind.as_str()) => Ok(column),
            Some(column) => Err(format!("has a column {name} of type {}, and {wanted}", column.shown)),
        };
        let from = |column: &Column| format!("{} {}", column.name, column.shown);

        let id = of_kinds(
            "id",
            &["integer"],
            "a task's id is an integer in Rowkeep: the tasks cannot keep their ids, so that they are not adopted",
            "",
        )?;
        let user = of_kinds(
            &table.user_column,
            &["text", "integer", "uuid"],
            "a user's id must be a text, an integer or a UUID",
            ": name the column with the user's id, --user-column NAME",
        )?;
        let title = of_kinds("title", &["text"], "a title must be a text", "")?;
        let completed = of_kinds(
            &table.completed_column,
            &["boolean"],
            "whether a task is completed must be a boolean",
            ": name the column that says whether a task is completed, --completed-column NAME",
        )?;
        let moment = |name: &str| {
            let column = of_kinds(name, &["instant", "local time"], "it must be a timestamp", "")?;
            let zone = if column.kind == "local time" { ", read as UTC" } else { "" };
            Ok::<_, String>(format!("{}{zone}", from(column)))
        };

        let description = match found("description") {
            None => "null: the source has no such column".into(),
            Some(_) => from(of_kinds("description", &["text"], "a description must be a text", "")?),
        };
        let updated_at = match found("updated_at") {
            None => "created_at: the source has no such column".into(),
            Some(column) if column.is_required => moment("updated_at")?,
            Some(_) => format!("{}; created_at where it is null", moment("updated_at")?),
        };
        let mapped = vec![
            ("id", from(id)),
            ("user_id", from(user)),
            ("title", from(title)),
            ("description", description),
            ("completed", from(completed)),
            ("created_at", moment("created_at")?),
            ("updated_at", updated_at),
        ];
        let used = [
            "id",
            &table.user_column,
            "title",
            "description",
            &table.completed_column,
            "created_at",
            "updated_at",
        ];
        let ignored = columns.iter().map(|column| &column.name).filter(|name| !used.contains(&name.as_str()));
        Ok(Self { mapped, ignored: ignored.cloned().collect() })
    }
}
