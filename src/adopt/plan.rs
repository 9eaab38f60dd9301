//! What an adoption would do, as the operator reads it.

use tokio_postgres::{Error, Row};

use super::columns::Columns;
use crate::logging::printable;

/// What an adoption would do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) columns: Columns,
    /// The numbers.
    pub summary: Summary,
}

/// The numbers of an adoption.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Tasks in the source.
    pub tasks: i64,
    /// Users of those tasks.
    pub users: i64,
    /// One of their ids.
    pub user: Option<String>,
    /// The first and the last id; none if the source is empty.
    pub ids: Option<(i64, i64)>,
    /// Tasks of the source that Rowkeep has already, with the same content.
    pub present: i64,
    /// Tasks whose `updated_at` is before their `created_at`.
    pub backwards: i64,
    /// The lowest id that the next new task can get, now and after the adoption.
    pub next_id: (i64, i64),
    /// Reasons why rows cannot be adopted.
    pub problems: i64,
    /// Rows that cannot be adopted.
    pub broken: i64,
}

impl Summary {
    /// From the row of `sql/adopt/summary.sql`.
    pub(super) fn of(row: &Row) -> Result<Self, Error> {
        let (first, last): (Option<i64>, Option<i64>) = (row.try_get("first_id")?, row.try_get("last_id")?);
        Ok(Self {
            tasks: row.try_get("tasks")?,
            users: row.try_get("users")?,
            user: row.try_get("first_user")?,
            ids: first.zip(last),
            present: row.try_get("present")?,
            backwards: row.try_get("backwards")?,
            next_id: (row.try_get("next_id")?, row.try_get("next_id_then")?),
            problems: row.try_get("problems")?,
            broken: row.try_get("broken")?,
        })
    }

    /// Tasks that the adoption would insert.
    pub fn missing(&self) -> i64 {
        self.tasks - self.present
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { tasks, users, present, backwards, problems, broken, next_id: (now, then), .. } =
            self.summary;
        let (user, ids) = (&self.summary.user, self.summary.ids);
        // Others have named the columns of the source.
        writeln!(out, "from      {}", printable(&self.source))?;
        writeln!(out, "to        app.tasks of {}", printable(&self.target))?;
        for (at, (column, from)) in self.columns.mapped.iter().enumerate() {
            let label = if at == 0 { "columns" } else { "" };
            writeln!(out, "{label:9} {column:11} <- {}", printable(from))?;
        }
        if !self.columns.ignored.is_empty() {
            writeln!(out, "ignored   {}", printable(&self.columns.ignored.join(", ")))?;
        }
        // A server that hides rows by such a column keeps tasks that their users have deleted.
        for column in self.columns.ignored.iter().filter(|name| name.to_lowercase().contains("delete")) {
            writeln!(
                out,
                "          tasks that the old server hides by {} come back; adopt a view without them",
                printable(column)
            )?;
        }

        let ids = ids.map(|(first, last)| format!(", ids {first} to {last}")).unwrap_or_default();
        writeln!(out, "tasks     {tasks}{ids}")?;
        if backwards > 0 {
            writeln!(
                out,
                "          {backwards} were changed before they were created, by their time stamps: kept as they are"
            )?;
        }
        // A user whose token has another spelling of the id would see an empty list.
        let user = user
            .as_ref()
            .map(|user| format!(", such as {user:?}: their tokens must have these ids"))
            .unwrap_or_default();
        writeln!(out, "users     {users}{user}")?;
        if problems > 0 {
            return write!(out, "problems  {problems} in {}", counted(broken, "row"));
        }
        write!(out, "copy      {}", counted(self.summary.missing(), "task"))?;
        if present > 0 {
            write!(out, "; in Rowkeep already, with the same content: {present}")?;
        }
        write!(out, "\nnew ids   from {then} on")?;
        if now != then { write!(out, " (now from {now} on)") } else { Ok(()) }
    }
}

/// A number and a noun: `1 task`, `2 tasks`.
pub fn counted(number: i64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
