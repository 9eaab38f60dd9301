//! The members of a JSON object in a request body.

#[cfg(any(test, fuzzing))]
#[allow(clippy::panic, reason = "a target fails by a panic")]
pub(super) mod fuzz;

use struson::reader::{
    JsonReader, JsonReaderPosition, JsonStreamReader, JsonSyntaxError, ReaderError, ReaderSettings, ValueType,
};

use crate::refusal::Refusal;
use crate::tasks::{Changes, Completion, Draft, Edit};

/// How deep a body may be nested, as in most JSON parsers.
const MAX_DEPTH: u32 = 128;

/// The members that a task has and a client may write. Each may be missing, or have any type. All others are ignored.
///
/// If a member is there twice, the last one counts, as in the Python servers whose contracts these are.
#[derive(Default)]
pub struct Members {
    title: Option<Value>,
    description: Option<Value>,
    completed: Option<Value>,
}

enum Value {
    Null,
    Boolean(bool),
    Text(String),
    /// A number, an array or an object, none of which a task has.
    Other,
}

impl Members {
    /// Parses a JSON text (RFC 8259), and ignores a byte order mark before it (section 8.1).
    ///
    /// Numbers of any size are well-formed (section 6). That is why this is not serde_json, which has no number larger
    /// than a double; this reader skips a number without computing it.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] if the text is not well-formed; [`Refusal::Invalid`] if it is not an object.
    pub fn parse(json: &[u8]) -> Result<Self, Refusal> {
        let json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
        if json.is_empty() {
            return Err(Refusal::Malformed("it is empty".into()));
        }
        match Self::read(json) {
            Ok(Some(members)) => Ok(members),
            Ok(None) => Err(Refusal::invalid("the body must be a JSON object")),
            Err(error) => Err(Refusal::Malformed(position(&error))),
        }
    }

    /// Reads the text to its end; `None` if it is well-formed and not an object.
    fn read(json: &[u8]) -> Result<Option<Self>, ReaderError> {
        let settings = ReaderSettings {
            max_nesting_depth: Some(MAX_DEPTH),
            restrict_number_values: false,
            ..ReaderSettings::default()
        };
        let mut reader = JsonStreamReader::new_custom(json, settings);

        let mut members = None;
        if reader.peek()? == ValueType::Object {
            let mut object = Self::default();
            reader.begin_object()?;
            while reader.has_next()? {
                let slot = match reader.next_name()? {
                    "title" => Some(&mut object.title),
                    "description" => Some(&mut object.description),
                    "completed" => Some(&mut object.completed),
                    _ => None,
                };
                match slot {
                    Some(slot) => *slot = Some(Value::read(&mut reader)?),
                    None => reader.skip_value()?,
                }
            }
            reader.end_object()?;
            members = Some(object);
        } else {
            reader.skip_value()?;
        }
        reader.consume_trailing_whitespace()?;
        Ok(members)
    }

    /// A task to create: `title` is required.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if a member is missing or has the wrong type.
    pub fn draft(mut self) -> Result<Draft, Refusal> {
        let (title, description) = (self.required_title()?, self.description()?);
        let description = match description {
            Edit::Keep | Edit::Clear => None,
            Edit::Set(text) => Some(text),
        };
        Ok(Draft { title, description, completed: self.completed()? == Completion::Set(true) })
    }

    /// What a PUT changes: `title` is required, and absent members keep their values.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if a member is missing or has the wrong type.
    pub fn replacement(mut self) -> Result<Changes, Refusal> {
        let title = self.required_title()?;
        Ok(Changes { title: Some(title), ..self.changes()? })
    }

    /// What a PATCH changes: a member is required.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if all members are missing, or one has the wrong type.
    pub fn partial_changes(self) -> Result<Changes, Refusal> {
        if let Self { title: None, description: None, completed: None } = self {
            return Err(Refusal::invalid("title, description or completed is required"));
        }
        self.changes()
    }

    /// What a PATCH changes that completes a task: `completed` is required.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is missing, or a member has the wrong type.
    pub fn completion(self) -> Result<Changes, Refusal> {
        if self.completed.is_none() {
            return Err(Refusal::invalid("completed is required"));
        }
        self.changes()
    }

    /// What the members change. None of them is required.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if a member has the wrong type.
    pub fn changes(mut self) -> Result<Changes, Refusal> {
        Ok(Changes { title: self.title()?, description: self.description()?, completed: self.completed()? })
    }

    fn required_title(&mut self) -> Result<String, Refusal> {
        self.title()?.ok_or(Refusal::invalid("title is required"))
    }

    fn title(&mut self) -> Result<Option<String>, Refusal> {
        match self.title.take() {
            None => Ok(None),
            Some(Value::Text(title)) => Ok(Some(title)),
            Some(_) => Err(Refusal::invalid("title must be a text")),
        }
    }

    fn description(&mut self) -> Result<Edit<String>, Refusal> {
        match self.description.take() {
            None => Ok(Edit::Keep),
            Some(Value::Null) => Ok(Edit::Clear),
            Some(Value::Text(text)) => Ok(Edit::Set(text)),
            Some(_) => Err(Refusal::invalid("description must be a text or null")),
        }
    }

    fn completed(&self) -> Result<Completion, Refusal> {
        match self.completed {
            None => Ok(Completion::Keep),
            Some(Value::Boolean(completed)) => Ok(Completion::Set(completed)),
            // Null, too: a task is completed, or it is not.
            Some(_) => Err(Refusal::invalid("completed must be true or false")),
        }
    }
}

impl Value {
    fn read(reader: &mut impl JsonReader) -> Result<Self, ReaderError> {
        Ok(match reader.peek()? {
            ValueType::Null => {
                reader.next_null()?;
                Self::Null
            }
            ValueType::Boolean => Self::Boolean(reader.next_bool()?),
            ValueType::String => Self::Text(reader.next_string()?),
            ValueType::Number | ValueType::Array | ValueType::Object => {
                reader.skip_value()?;
                Self::Other
            }
        })
    }
}

/// Where the text is not well-formed. The error itself would repeat names of members.
fn position(error: &ReaderError) -> String {
    let location: Option<&JsonReaderPosition> = match error {
        ReaderError::SyntaxError(JsonSyntaxError { location, .. })
        | ReaderError::MaxNestingDepthExceeded { location, .. }
        | ReaderError::IoError { location, .. } => Some(location),
        _ => None,
    };
    match location.and_then(|location| location.line_pos) {
        // The reader counts from 0.
        Some(at) => format!("look at line {}, column {}", at.line + 1, at.column + 1),
        None => "check it with a JSON parser".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title_of(json: &str) -> String {
        let mut members = Members::parse(json.as_bytes()).expect(json);
        members.required_title().expect(json)
    }

    #[test]
    fn a_number_of_any_size_is_well_formed() {
        let huge = format!("1{}", "0".repeat(10_000));
        for number in [
            "1e400",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "17976931348623158e292",
            "-1.7976931348623159e308",
            &huge,
        ] {
            let json = format!(r#"{{"a": {number}, "title": "x", "b": [{{"c": -{number}}}, "y", 1.5]}}"#);

            assert_eq!(title_of(&json.replace("--", "-")), "x", "{number}");
        }
    }

    #[test]
    fn a_number_of_any_size_has_the_wrong_type_for_a_member() {
        for json in [r#"{"title": 1e400}"#, r#"{"title": "x", "description": -1e400}"#] {
            let members = Members::parse(json.as_bytes()).expect(json);

            assert!(matches!(members.draft(), Err(Refusal::Invalid(_))), "{json}");
        }
    }

    #[test]
    fn a_text_that_looks_like_a_number_is_a_text() {
        assert_eq!(
            title_of(r#"{"1e400": "1e400", "a\\": "\\\"1e400", "b": 1e400, "title": "-1e400"}"#),
            "-1e400"
        );
    }

    #[test]
    fn a_member_of_any_name_is_ignored() {
        for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            assert_eq!(title_of(&format!(r#"{{"{name}": "[[1", "title": "x"}}"#)), "x");
        }
    }

    #[test]
    fn the_last_of_two_members_counts() {
        assert_eq!(title_of(r#"{"title": 1, "t\u0069tle": "x"}"#), "x");
    }

    #[test]
    fn members_that_are_ignored_must_be_well_formed() {
        let deep = format!("[1e400, {}{}]", "[".repeat(200), "]".repeat(200));
        for json in [
            r#"{"a": 1e400, "b": "\ud800"}"#,
            r#"{"a": {"b": ["\ud800"]}}"#,
            r#"{"\udc00": 1e400}"#,
            r#"{"a": 1e400,}"#,
            "[1e400, 01]",
            "[1e400, 01e400]",
            "[1e400, 1e]",
            "[1e400, -]",
            "[1e400, 1e400.5]",
            "[1e400, +1e400]",
            "[1e400 1e400]",
            "[1e400, \"1e400",
            "{} {}",
            &deep,
        ] {
            assert!(matches!(Members::parse(json.as_bytes()), Err(Refusal::Malformed(_))), "{json}");
        }
        for bytes in [&b"{\"a\": \"\xff\"}"[..], b"{\"\xff\": 1}", b"[\"\xed\xa0\x80\"]"] {
            assert!(matches!(Members::parse(bytes), Err(Refusal::Malformed(_))), "{bytes:?}");
        }
    }

    #[test]
    fn an_error_says_where_it_is() {
        let error = Members::parse(b"{\n  \"title\": x}").err();

        assert!(
            matches!(&error, Some(Refusal::Malformed(at)) if at == "look at line 2, column 12"),
            "{error:?}"
        );
    }
}
