//! A JSON text to a value, with numbers of any size.

use serde::de::IgnoredAny;
use serde_json::{Error, Value};

/// Parses a JSON text.
///
/// A number that is too large for the parser is as well-formed as any other (RFC 8259, section 6), and no contract has
/// a number that would mean anything: it becomes 0. Not by the parser's own raw values: with them a text inside a text
/// is parsed, too, each level with a new limit to its depth.
///
/// # Errors
/// The parser's, with line and column, when the text is not well-formed or nested too deep.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    match serde_json::from_slice(bytes) {
        Err(error) if is_out_of_range(&error) => serde_json::from_slice(&without_huge_numbers(bytes)),
        parsed => parsed,
    }
}

/// The parser has no other way to say it.
fn is_out_of_range(error: &Error) -> bool {
    error.is_syntax() && error.to_string().starts_with("number out of range")
}

/// The same text, with a 0 and blanks for each number that is well-formed and too large.
fn without_huge_numbers(bytes: &[u8]) -> Vec<u8> {
    let is_numeric = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let mut text = bytes.to_vec();
    let mut rest = text.as_mut_slice();
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => rest.iter().take_while(|byte| is_numeric(byte)).count(),
            _ => 1,
        };
        let (token, after) = rest.split_at_mut(length);
        if is_huge(token) {
            token.fill(b' ');
            token.iter_mut().take(1).for_each(|byte| *byte = b'0');
        }
        rest = after;
    }
    text
}

/// How long the text in quotes is that these bytes begin with.
fn text_length(bytes: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = bytes.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(bytes.len(), |end| end + 2)
}

/// Whether the parser takes these bytes for a number, and for one that it cannot hold. It is asked itself, since its
/// limit is not to the last digit that of others.
fn is_huge(token: &[u8]) -> bool {
    token.len() > 1
        && serde_json::from_slice::<Value>(token).is_err_and(|error| is_out_of_range(&error))
        && serde_json::from_slice::<IgnoredAny>(token).is_ok()
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
    fn a_number_at_the_limit_is_a_number() {
        for number in [
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "17976931348623158e292",
            "-1.7976931348623159e308",
        ] {
            let value = parse(format!(r#"{{"title": "x", "a": {number}}}"#).as_bytes()).expect(number);

            assert_eq!(value.get("title"), Some(&json!("x")), "{number}");
        }
    }

    #[test]
    fn a_text_that_looks_like_a_number_is_a_text() {
        let text = r#"{"1e400": "1e400", "a\\": "\\\"1e400", "b": 1e400, "c": "-1e400"}"#;

        let value = parse(text.as_bytes()).expect("well-formed JSON");

        assert_eq!(value, json!({ "1e400": "1e400", "a\\": "\\\"1e400", "b": 0, "c": "-1e400" }));
    }

    #[test]
    fn a_member_of_any_name_is_a_member() {
        for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            let value = json!({ name: "[[1", "title": "x" });

            assert_eq!(parse(value.to_string().as_bytes()).expect(name), value);
        }
    }

    #[test]
    fn beside_such_a_number_the_rest_is_looked_at_as_closely() {
        let deep = format!("[1e400, {}{}]", "[".repeat(200), "]".repeat(200));
        let cases = [
            r#"{"a": 1e400, "b": "\ud800"}"#,
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
            &deep,
        ];

        for text in cases {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
