//! A question of `sql/tasks/`, with what its comment says of itself.

use crate::database::support::{files, without_comments};

/// A file, and the claims of its comment.
pub struct Question {
    pub name: String,
    pub sql: String,
    /// The index by which rows are found; none: it looks none up.
    pub index: Option<String>,
    /// Whether it sorts what it finds, and keeps a page of it.
    pub sorts: bool,
    /// What each parameter is, in order.
    parameters: Vec<String>,
}

/// Where in a list a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    First,
    Middle,
    /// Before the last tasks there are.
    Last,
    /// As at first, for the longest page after the longest offset, and one task more.
    Furthest,
}

/// Somebody's tasks, as far as questions are about some of them.
pub struct Tasks {
    pub user: String,
    /// Ascending.
    pub ids: Vec<i64>,
}

impl Question {
    /// All of them.
    pub fn all() -> Vec<Self> {
        files("sql/tasks").into_iter().map(|(name, sql)| Self::of(name, sql)).collect()
    }

    pub fn named(name: &str) -> Self {
        Self::all().into_iter().find(|question| question.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn of(name: String, sql: String) -> Self {
        let comment: Vec<_> = sql.lines().map_while(|line| line.strip_prefix("--")).collect();
        let is_values = |line: &&&str| line.trim_start().starts_with('$');
        let words = comment.iter().filter(|line| !is_values(line)).copied().collect::<Vec<_>>().join(" ");
        let values: Vec<_> = comment.iter().filter(is_values).collect();

        let is_index = |word: &&str| word.starts_with("tasks_");
        let no_part = |character: char| !(character.is_alphanumeric() || character == '_');
        let mut indexes: Vec<_> = words.split(no_part).filter(is_index).map(str::to_owned).collect();
        assert!(indexes.len() < 2, "{name}.sql claims more than one index: {indexes:?}");

        let mut parameters = Vec::new();
        for said in
            values.iter().flat_map(|line| line.split("   ")).map(str::trim).filter(|text| !text.is_empty())
        {
            // `$4, $5 title and id` are two.
            let is_number = |word: &&str| word.starts_with('$');
            let phrase = said.split(' ').skip_while(is_number).collect::<Vec<_>>().join(" ");
            parameters.extend(said.split(' ').take_while(is_number).map(|_| phrase.clone()));
        }
        let sorts = words.contains(" sort ");
        Self { name, sql, index: indexes.pop(), sorts, parameters }
    }

    /// The same, with another text.
    pub fn with_sql(self, sql: String) -> Self {
        Self { sql, ..self }
    }

    /// Whether it shows tasks in the order of their ids, page by page.
    pub fn pages_by_id(&self) -> bool {
        self.parameters.iter().any(|phrase| phrase.starts_with("the id before the first"))
    }

    /// Whether it is about one task.
    pub fn is_about_one(&self) -> bool {
        self.parameters.iter().any(|phrase| phrase == "id")
    }

    pub fn creates(&self) -> bool {
        without_comments(&self.sql).trim_start().starts_with("insert into")
    }

    pub fn counts(&self) -> bool {
        self.sql.contains("count(*)")
    }

    /// Prepares it under its name.
    pub fn prepare(&self) -> String {
        format!("prepare \"{}\" as {}", self.name, self.sql)
    }

    /// Runs it on somebody's tasks, for a page of twenty and one more.
    pub fn execute(&self, tasks: &Tasks, depth: Depth) -> String {
        let values: Vec<_> = self.parameters.iter().map(|phrase| self.value(phrase, tasks, depth)).collect();
        format!("execute \"{}\"({})", self.name, values.join(", "))
    }

    fn value(&self, phrase: &str, tasks: &Tasks, depth: Depth) -> String {
        let (what, note) = phrase.split_once(" (").unwrap_or((phrase, ""));
        let newest_first = note.starts_with("2^63-1");
        let (ids, near) = (&tasks.ids, 11.min(tasks.ids.len() - 1));
        let middle = ids[ids.len() / 2];
        match (what, depth) {
            ("user_id", _) => format!("'{}'", tasks.user),
            ("id", _) => middle.to_string(),
            ("the id before the first", Depth::First | Depth::Furthest) if newest_first => {
                i64::MAX.to_string()
            }
            ("the id before the first", Depth::First | Depth::Furthest) => "0".into(),
            ("the id before the first", Depth::Middle) => middle.to_string(),
            ("the id before the first", Depth::Last) if newest_first => ids[near].to_string(),
            ("the id before the first", Depth::Last) => ids[ids.len() - 1 - near].to_string(),
            ("title and id before the first" | "updated_at and id before the first", _) => "null".into(),
            ("limit", Depth::Furthest) => "1001".into(),
            ("offset", Depth::Furthest) => "10000".into(),
            ("limit", _) => "21".into(),
            ("offset", _) => "0".into(),
            ("whether they are done", _) => "null".into(),
            ("the text they contain", _) => "'task'".into(),
            ("title", _) => "'a title'".into(),
            ("description" | "the description", _) => "'a description'".into(),
            ("whether the description is replaced" | "completed", _) => "true".into(),
            _ => panic!("{}.sql: a test does not know what {phrase:?} is", self.name),
        }
    }
}
