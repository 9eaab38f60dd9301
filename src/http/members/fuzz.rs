//! A fuzz target: bodies are read as another JSON parser reads them, and each contract asks of them what it must.

use serde_json::{Map, json};

use super::*;

/// What a body means by the other parser.
enum Wanted {
    Object(Map<String, serde_json::Value>),
    /// Well-formed, and not an object.
    Other,
    Malformed,
    /// The other parser cannot tell: a number that does not fit into a double, or deeply nested lists.
    Unknown,
}

/// The input is a body.
pub fn json_body(input: &[u8]) -> bool {
    let parse = || Members::parse(input);
    let object = match (wanted(input), parse()) {
        (Wanted::Unknown, Ok(members)) => {
            drop(members.changes());
            return true;
        }
        (Wanted::Unknown, Err(Refusal::Invalid(_) | Refusal::Malformed(_))) => return false,
        (Wanted::Other, Err(Refusal::Invalid(_))) => return false,
        (Wanted::Malformed, Err(Refusal::Malformed(why))) => {
            // Where it is, and nothing of what it is.
            let is_plain = |c: char| c.is_ascii_alphanumeric() || " ,".contains(c);
            assert!(why.chars().all(is_plain), "{why:?}");
            return false;
        }
        (Wanted::Object(object), Ok(_)) => object,
        (_, found) => panic!("the parsers disagree: {:?}", found.err()),
    };
    let members = || parse().unwrap_or_else(|refusal| panic!("refused the second time: {refusal:?}"));

    let member = |name: &str| object.get(name);
    let title = member("title").map(|value| value.as_str().ok_or(()));
    let description = member("description").map(|value| match value {
        serde_json::Value::Null => Ok(None),
        value => value.as_str().map(Some).ok_or(()),
    });
    let completed = member("completed").map(|value| value.as_bool().ok_or(()));
    let is_sound = [
        title.map(|title| title.map(drop)),
        description.map(|text| text.map(drop)),
        completed.map(|c| c.map(drop)),
    ]
    .into_iter()
    .flatten()
    .all(|value| value.is_ok());
    let has_title = title.is_some();
    let has_any = has_title || description.is_some() || completed.is_some();

    // What each verb of each contract wants.
    assert_eq!(members().changes().is_ok(), is_sound, "changes");
    assert_eq!(members().draft().is_ok(), is_sound && has_title, "a POST");
    assert_eq!(members().replacement().is_ok(), is_sound && has_title, "a PUT");
    assert_eq!(members().partial_changes().is_ok(), is_sound && has_any, "a PATCH");
    assert_eq!(members().completion().is_ok(), is_sound && completed.is_some(), "a PATCH that completes");

    let Ok(changes) = members().changes() else { return false };
    assert_eq!(changes.title.as_deref().map(Ok), title, "the title is not the one that was sent");
    let text = match &changes.description {
        Edit::Keep => None,
        Edit::Clear => Some(Ok(None)),
        Edit::Set(text) => Some(Ok(Some(text.as_str()))),
    };
    assert_eq!(text, description, "the description is not the one that was sent");
    let done = match changes.completed {
        Completion::Set(done) => Some(Ok(done)),
        Completion::Keep => None,
        Completion::Flip => panic!("a body flips nothing"),
    };
    assert_eq!(done, completed, "completed is not what was sent");

    if let Ok(draft) = members().draft() {
        assert_reads_the_same_again(&draft);
    }
    true
}

/// A draft that is written as JSON and read again is the same draft.
fn assert_reads_the_same_again(draft: &Draft) {
    let (title, description, completed) = (&draft.title, &draft.description, draft.completed);
    let text = json!({ "title": title, "description": description, "completed": completed }).to_string();
    let again = Members::parse(text.as_bytes()).and_then(Members::draft);
    let again = again.unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    assert_eq!(
        (&again.title, &again.description, again.completed),
        (title, description, completed),
        "{text}"
    );
}

fn wanted(body: &[u8]) -> Wanted {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match serde_json::from_slice(body) {
        Ok(serde_json::Value::Object(object)) => Wanted::Object(object),
        Ok(_) => Wanted::Other,
        Err(error) => match error.to_string() {
            text if text.contains("out of range") || text.contains("recursion limit") => Wanted::Unknown,
            _ => Wanted::Malformed,
        },
    }
}
