//! A query of `sql/tasks/`, and what its head comment says about it.

use crate::database::support::{files, without_comments};

/// A file, and the statements of its head comment.
pub struct Query {
    pub name: String,
    pub sql: String,
    /// The index that finds its rows. None if it reads no rows.
    pub index: Option<String>,
    /// It sorts the rows that it finds, and keeps one page.
    pub sorts: bool,
    /// The description of each parameter, in order.
    parameters: Vec<String>,
}

/// The place in a list where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    First,
    Middle,
    /// Shortly before the end of the list.
    Last,
    /// At the beginning, with the greatest limit and offset that a client may use.
    Furthest,
}

/// The tasks of one user.
pub struct Tasks {
    pub user: String,
    /// Ascending.
    pub ids: Vec<i64>,
}

impl Query {
    pub fn all() -> Vec<Self> {
        files("sql/tasks").into_iter().map(|(name, sql)| Self::of(name, sql)).collect()
    }

    pub fn named(name: &str) -> Self {
        Self::all().into_iter().find(|query| query.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn of(name: String, sql: String) -> Self {
        let comment: Vec<_> = sql.lines().map_while(|line| line.strip_prefix("--")).collect();
        let is_parameters = |line: &&&str| line.trim_start().starts_with('$');
        let text = comment.iter().filter(|line| !is_parameters(line)).copied().collect::<Vec<_>>().join(" ");
        let values: Vec<_> = comment.iter().filter(is_parameters).collect();

        let is_index = |word: &&str| word.starts_with("tasks_");
        let no_part = |character: char| !(character.is_alphanumeric() || character == '_');
        let mut indexes: Vec<_> = text.split(no_part).filter(is_index).map(str::to_owned).collect();
        assert!(indexes.len() < 2, "the comment of {name}.sql names more than one index: {indexes:?}");

        let mut parameters = Vec::new();
        for description in
            values.iter().flat_map(|line| line.split("   ")).map(str::trim).filter(|text| !text.is_empty())
        {
            // `$4, $5 title and id` describes two parameters.
            let is_number = |word: &&str| word.starts_with('$');
            let phrase = description.split(' ').skip_while(is_number).collect::<Vec<_>>().join(" ");
            parameters.extend(description.split(' ').take_while(is_number).map(|_| phrase.clone()));
        }
        let sorts = text.contains(" sort ");
        Self { name, sql, index: indexes.pop(), sorts, parameters }
    }

    /// This query with another text.
    pub fn with_sql(self, sql: String) -> Self {
        Self { sql, ..self }
    }

    /// It lists tasks by id, page by page.
    pub fn pages_by_id(&self) -> bool {
        self.parameters.iter().any(|phrase| phrase.starts_with("exclusive "))
    }

    /// It reads or changes one task.
    pub fn is_about_one(&self) -> bool {
        self.parameters.iter().any(|phrase| phrase == "id")
    }

    pub fn creates(&self) -> bool {
        without_comments(&self.sql).trim_start().starts_with("insert into")
    }

    pub fn counts(&self) -> bool {
        self.sql.contains("count(*)")
    }

    /// The statement that prepares it under its name.
    pub fn prepare(&self) -> String {
        format!("prepare \"{}\" as {}", self.name, self.sql)
    }

    /// The statement that runs it on a user's tasks, for a page of twenty and one more.
    pub fn execute(&self, tasks: &Tasks, depth: Depth) -> String {
        let values: Vec<_> = self.parameters.iter().map(|phrase| self.value(phrase, tasks, depth)).collect();
        format!("execute \"{}\"({})", self.name, values.join(", "))
    }

    fn value(&self, phrase: &str, tasks: &Tasks, depth: Depth) -> String {
        let (what, _) = phrase.split_once(" (").unwrap_or((phrase, ""));
        let (ids, near) = (&tasks.ids, 11.min(tasks.ids.len() - 1));
        let middle = ids[ids.len() / 2];
        match (what, depth) {
            ("user_id", _) => format!("'{}'", tasks.user),
            ("id", _) => middle.to_string(),
            ("exclusive upper bound of id", Depth::First | Depth::Furthest) => i64::MAX.to_string(),
            ("exclusive upper bound of id", Depth::Middle) => middle.to_string(),
            ("exclusive upper bound of id", Depth::Last) => ids[near].to_string(),
            ("exclusive lower bound of id", Depth::First | Depth::Furthest) => "0".into(),
            ("exclusive lower bound of id", Depth::Middle) => middle.to_string(),
            ("exclusive lower bound of id", Depth::Last) => ids[ids.len() - 1 - near].to_string(),
            (
                "title and id of the last task before the page"
                | "updated_at and id of the last task before the page",
                _,
            ) => "null".into(),
            ("limit", Depth::Furthest) => "1001".into(),
            ("offset", Depth::Furthest) => "10000".into(),
            ("limit", _) => "21".into(),
            ("offset", _) => "0".into(),
            ("filter on completed", _) => "null".into(),
            ("text to find" | "its decomposed form" | "its literal form", _) => "'task'".into(),
            ("title", _) => "'a title'".into(),
            ("description", _) => "'a description'".into(),
            ("true to change the description" | "true to change completed" | "completed", _) => "true".into(),
            _ => panic!("{}.sql: this test has no value for {phrase:?}", self.name),
        }
    }
}
