//! A JSON text to a value, with numbers of any size.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Error, Value};

/// As deep as the parser goes by itself.
const DEEPEST: usize = 127;

/// Parses a JSON text.
///
/// A number that is too large for the parser is as well-formed as any other (RFC 8259, section 6), and no contract has
/// a number that would mean anything: it becomes 0.
///
/// # Errors
/// The parser's, with line and column, when the text is not well-formed or nested too deep.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    match serde_json::from_slice(bytes) {
        Err(error) if is_out_of_range(&error) => {
            with_any_number(serde_json::from_slice(bytes)?, DEEPEST, &error.to_string())
        }
        parsed => parsed,
    }
}

/// The parser has no other way to say it.
fn is_out_of_range(error: &Error) -> bool {
    error.is_syntax() && error.to_string().starts_with("number out of range")
}

fn with_any_number(raw: &RawValue, depth: usize, too_deep: &str) -> Result<Value, Error> {
    let text = raw.get();
    let inside = |raw| match depth {
        0 => Err(serde::de::Error::custom(too_deep)),
        _ => with_any_number(raw, depth - 1, too_deep),
    };
    match text.as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            members.into_iter().map(|(name, raw)| Ok((name, inside(raw)?))).collect()
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text)?;
            elements.into_iter().map(inside).collect()
        }
        _ => match serde_json::from_str(text) {
            Err(error) if is_out_of_range(&error) => Ok(Value::from(0)),
            parsed => parsed,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn a_number_of_any_size_is_a_number() {
        let huge = format!("1{}", "0".repeat(400));
        let text = format!(r#"{{"a": 1e400, "title": "x", "b": [{{"c": -{huge}}}, "y", 1.5], "a": {huge}}}"#);

        let value = parse(text.as_bytes()).expect("well-formed JSON");

        assert_eq!(value, json!({ "a": 0, "title": "x", "b": [{ "c": 0 }, "y", 1.5] }));
    }

    #[test]
    fn beside_such_a_number_the_rest_is_looked_at_as_closely() {
        let deep = format!("[1e400, {}{}]", "[".repeat(200), "]".repeat(200));
        let cases = [
            r#"{"a": 1e400, "b": "\ud800"}"#,
            r#"{"\udc00": 1e400}"#,
            r#"{"a": 1e400,}"#,
            "[1e400, 01]",
            &deep,
        ];

        for text in cases {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
