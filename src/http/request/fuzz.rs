//! A fuzz target: the segments of a path. A user id is decoded once, and a task id has one spelling.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// The input is a segment of a path.
pub fn path_segment(input: &[u8]) -> bool {
    let Ok(segment) = std::str::from_utf8(input) else { return false };

    let id = task_id(segment);
    match &id {
        Ok(id) => assert!(*id > 0 && id.to_string() == segment, "{segment:?} is {id}"),
        Err(refusal) => {
            assert!(matches!(refusal, Refusal::NotFound), "{refusal:?}");
            let is_id = segment.bytes().next().is_some_and(|byte| (b'1'..=b'9').contains(&byte))
                && segment.bytes().all(|byte| byte.is_ascii_digit())
                && (segment.len() < 19 || segment.len() == 19 && segment <= "9223372036854775807");
            assert!(!is_id, "{segment:?} is the id of a task");
        }
    }

    let wanted = decoded(segment);
    let user = PathUser::from_str(segment);
    match &user {
        Ok(PathUser(user)) => assert_eq!(*user, wanted, "{segment:?}"),
        Err(()) => assert!(matches!(wanted.as_deref(), Some("v1" | "tasks")), "{segment:?} is no user"),
    }
    if !matches!(segment, "v1" | "tasks") {
        // Any text is the id of a user, and has a segment that names that user and nobody else.
        let encoded = utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string();
        let again = PathUser::from_str(&encoded).ok().and_then(|PathUser(user)| user);
        assert_eq!(again.as_deref(), Some(segment), "{encoded}");
    }
    id.is_ok() || matches!(user, Ok(PathUser(Some(_))))
}

/// Decodes once, byte by byte. `None` if an escape is not complete, or if the bytes are not UTF-8.
pub fn decoded(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        decoded.push(match byte {
            b'%' => (16 * digit(bytes.next())? + digit(bytes.next())?) as u8,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}
