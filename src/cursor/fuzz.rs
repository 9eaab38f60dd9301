//! A fuzz target: a cursor leads one user to one position in one list, and nobody to any other.
//!
//! The lines of an input are: a user, a list (`pending -title milk`), a position as JSON, another user, another list, and a
//! text that a client sends as a cursor. `{7}` in that text is the true cursor with bit 7 flipped, and `{}` the true cursor.

use crate::tasks::{Sort, Status};

use super::*;

const KEY: [u8; 32] = [7; 32];
const OTHER_KEY: [u8; 32] = [8; 32];

/// The number of characters of a title that the database allows.
const MAX_TITLE_CHARACTERS: usize = 200;

pub fn cursor(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let mut lines = text.splitn(6, '\n').chain(std::iter::repeat(""));
    let mut line = || lines.next().unwrap_or_default();
    let (user, list, position) = (UserId::from(line()), listing(line()), line());
    let (other_user, other_list, sent) = (UserId::from(line()), listing(line()), line());
    let [cursors, other_cursors] = [KEY, OTHER_KEY].map(|key| Cursors::new(&key).expect("a key of 32 bytes"));
    let Ok(position) = serde_json::from_str::<Next>(position) else { return false };

    let cursor = cursors.encrypt(&position, &user, &list).expect("a cursor");

    assert_eq!(cursors.decrypt(&cursor, &user, &list).as_ref(), Some(&position), "another position");
    assert_eq!(other_cursors.decrypt(&cursor, &user, &list), None, "a cursor of another key is accepted");
    let fits = cursors.decrypt(&cursor, &other_user, &other_list);
    assert_eq!(
        fits.is_some(),
        (&user, &list) == (&other_user, &other_list),
        "{user:?} {other_user:?} {list:?}"
    );
    assert_hides(&cursor, &position, &user);

    let sent = sent.replace("{}", &cursor);
    let sent = match sent.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
        Some((bit, _)) => bit.parse().ok().and_then(|bit| flipped(&cursor, bit)).unwrap_or(sent),
        None => sent,
    };
    match cursors.decrypt(&sent, &user, &list) {
        Some(found) => {
            // One position has one cursor, to the letter.
            assert_eq!(cursors.encrypt(&found, &user, &list), Some(sent), "a cursor has two spellings");
            true
        }
        None => false,
    }
}

/// Neither the text nor the length of a cursor tells what it is about.
fn assert_hides(cursor: &str, next: &Next, user: &UserId) {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).expect("base64url without padding");
    let position = next.position();
    let title = match position {
        Position::Title(title, _) => title,
        _ => "",
    };
    for secret in [user.as_str(), title].into_iter().filter(|secret| secret.len() >= 8) {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret:?} can be read");
    }
    // The version, the position with its padding, and the tag.
    let length = if matches!(position, Position::Title(..)) { 1248 } else { 96 };
    if title.chars().count() <= MAX_TITLE_CHARACTERS {
        let is_padded = match next {
            Next::After(_) => bytes.len() == 1 + length + 16,
            Next::Since(..) => [1, 2].map(|times| 1 + times * length + 16).contains(&bytes.len()),
        };
        assert!(is_padded, "the length tells something about {next:?}");
    }
}

/// The cursor with one bit flipped.
fn flipped(cursor: &str, bit: usize) -> Option<String> {
    let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    *bytes.get_mut(bit / 8)? ^= 1 << (bit % 8);
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// A list from a text such as `completed -updated_at milk`.
fn listing(text: &str) -> Listing {
    let (status, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (sort, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = match status {
        "pending" => Status::Pending,
        "completed" => Status::Completed,
        _ => Status::All,
    };
    let name = sort.strip_prefix('-').unwrap_or(sort);
    let descending = name.len() < sort.len();
    let sort = match name {
        "title" => Sort::Title,
        "updated_at" => Sort::UpdatedAt,
        _ => Sort::Id,
    };
    Listing { status, text: text.to_owned(), sort, descending }
}
