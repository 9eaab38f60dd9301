//! Makes any text printable, so that it stays inside its value.
//!
//! Clients, databases and issuers choose parts of some texts. A line break would begin a line that looks like one of ours, an
//! escape sequence would change the terminal of the reader, and a character that turns the direction of writing would hide
//! what the line says. So only characters that print and stay where they are written remain. The others are shown as Rust
//! shows them, such as `\n` and `\u{202e}`. That holds after JSON is decoded as well, for those who read with `jq -r`.

use std::fmt;

use super::Format;

/// The longest value, in bytes as it is written. Docker and Kubernetes split lines of more than 16 KiB, and no line has two
/// long values.
const MAX_BYTES: usize = 8 * 1024;

/// Follows a value that was cut.
const CUT: &str = "…";

/// The inside of a quoted value. It escapes what is written to it, and cuts it when it is long.
pub(super) struct Quoted<'a> {
    format: Format,
    out: &'a mut Vec<u8>,
    /// How many bytes may still be written. None after the value was cut.
    room: Option<usize>,
}

impl<'a> Quoted<'a> {
    pub(super) fn new(format: Format, out: &'a mut Vec<u8>) -> Self {
        Self { format, out, room: Some(MAX_BYTES) }
    }

    /// Writes a piece as it is, or cuts the value there.
    fn put(&mut self, piece: &[u8]) {
        let Some(room) = self.room else { return };
        self.room = room.checked_sub(piece.len());
        self.out.extend_from_slice(if self.room.is_some() { piece } else { CUT.as_bytes() });
    }

    fn put_char(&mut self, character: char) {
        let mut piece = Piece::default();
        match character {
            '"' | '\\' => piece.extend(['\\', character]),
            ' '..='~' => piece.extend([character]),
            _ => {
                let shown = character.escape_debug();
                // A decoder of JSON removes one backslash, and the reader must see the other one.
                let is_escaped = shown.len() > 1;
                piece.extend((is_escaped && self.format == Format::Json).then_some('\\'));
                piece.extend(shown);
            }
        }
        self.put(piece.bytes());
    }
}

impl fmt::Write for Quoted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) && self.room.is_some_and(|room| text.len() <= room) {
            self.put(text.as_bytes());
            return Ok(());
        }
        for character in text.chars() {
            if self.room.is_none() {
                break;
            }
            self.put_char(character);
        }
        Ok(())
    }
}

/// The last words of the program, for people. They have lines of their own, and each but the first is indented, so that no
/// text of others can begin a line.
///
/// `statements` is a part of the text to copy. It stays as it is: the lines of a function's body are a part of the function.
pub(super) fn last_words(text: &str, statements: &str) -> String {
    let stays = |character: char| matches!(character, '\n' | ' '..='~');
    match text.split_once(statements) {
        Some((before, after)) if !statements.is_empty() && statements.chars().all(stays) => {
            [&*indented(before), statements, &*indented(after)].concat()
        }
        _ => indented(text),
    }
}

fn indented(text: &str) -> String {
    let mut lines = String::new();
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let start = match number {
            0 => "",
            _ if line.is_empty() => "\n",
            _ => "\n  ",
        };
        lines.extend([start, &printable(line)]);
    }
    lines
}

/// A text for people, as one line.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            ' '..='~' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// One character as it is shown. `\\u{10ffff}` is the longest.
#[derive(Default)]
struct Piece {
    text: [u8; 12],
    length: usize,
}

impl Piece {
    fn extend(&mut self, characters: impl IntoIterator<Item = char>) {
        for character in characters {
            let mut encoded = [0; 4];
            for byte in character.encode_utf8(&mut encoded).bytes() {
                if let Some(place) = self.text.get_mut(self.length) {
                    *place = byte;
                    self.length += 1;
                }
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn quoted(format: Format, text: &str) -> String {
        let mut out = Vec::new();
        Quoted::new(format, &mut out).write_str(text).expect("no error");
        String::from_utf8(out).expect("UTF-8")
    }

    /// A text with every character that Unicode has.
    fn every_character() -> impl Iterator<Item = char> {
        (0..=u32::from(char::MAX)).filter_map(char::from_u32)
    }

    #[test]
    fn letters_of_all_languages_stay_as_they_are() {
        for text in ["", "plain text", "Größe", "задача", "任務", "a\u{fffd}b", "✓"] {
            assert_eq!(quoted(Format::Text, text), text);
            assert_eq!(quoted(Format::Json, text), text);
        }
    }

    #[test]
    fn what_does_not_print_is_shown_as_rust_shows_it() {
        for (text, shown) in [
            ("a\nb", r"a\nb"),
            ("\r\t\0", r"\r\t\0"),
            ("\u{1b}[31m", r"\u{1b}[31m"),
            ("\u{7f}\u{85}\u{9b}", r"\u{7f}\u{85}\u{9b}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("\u{202e}\u{2066}\u{200f}\u{61c}", r"\u{202e}\u{2066}\u{200f}\u{61c}"),
            ("\u{feff}\u{200b}\u{ad}\u{a0}", r"\u{feff}\u{200b}\u{ad}\u{a0}"),
            ("\u{e0041}\u{10ffff}", r"\u{e0041}\u{10ffff}"),
        ] {
            assert_eq!(quoted(Format::Text, text), shown);
            let json = format!("\"{}\"", quoted(Format::Json, text));
            assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), shown);
        }
    }

    #[test]
    fn no_character_ends_a_value_or_does_not_print() {
        let all: Vec<char> = every_character().collect();
        for characters in all.chunks(256) {
            let text: String = characters.iter().collect();
            for format in [Format::Text, Format::Json] {
                let value = quoted(format, &text);
                let prints = |shown: char| (' '..='~').contains(&shown) || shown.escape_debug().len() == 1;
                assert!(value.chars().all(prints), "{value}");
                let without_escaped = value.replace(r"\\", "").replace(r#"\""#, "");
                assert!(!without_escaped.contains('"') && !value.ends_with(CUT), "{value}");
                if format == Format::Json {
                    let decoded = serde_json::from_str::<String>(&format!("\"{value}\"")).expect("JSON");
                    assert!(decoded.chars().all(prints), "{decoded}");
                }
            }
        }
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters() {
        for (piece, width) in [("x", 1), ("ü", 2), ("\u{202e}", 9), ("\"", 2)] {
            let text = quoted(Format::Json, &piece.repeat(10_000));

            let kept = MAX_BYTES / width * width;
            assert_eq!(text.len(), kept + CUT.len(), "{piece}");
            assert!(text.ends_with(CUT), "{piece}");
        }
    }

    #[test]
    fn no_text_of_others_begins_a_line_of_the_last_words() {
        assert_eq!(last_words("one\ntwo\r\n\nthree", ""), "one\n  two\n\n  three");
        assert_eq!(last_words("a\rb\u{1b}[2J\u{2028}ü", ""), r"a\rb\u{1b}[2J\u{2028}ü");
    }

    #[test]
    fn statements_to_copy_stay_as_they_are_and_what_is_around_them_does_not() {
        let statements = "create function f()\n  as $$\nbegin\n\nend;$$;";

        assert_eq!(
            last_words(&format!("a\nrun:\n\n{statements}\n\nthen\u{1b}"), statements),
            format!("a\n  run:\n\n{statements}\n\n  then\\u{{1b}}")
        );
        for hostile in ["a\u{1b}[2J\nb", "a\rb\nc", "a\u{2028}b\nc", "ü\nb"] {
            assert_eq!(last_words(hostile, hostile), last_words(hostile, ""));
            assert!(last_words(hostile, hostile).contains("\n  "), "{hostile:?}");
        }
    }

    #[test]
    fn the_limit_is_for_a_value_and_not_for_a_piece_of_it() {
        let mut out = Vec::new();
        let mut value = Quoted::new(Format::Text, &mut out);
        for _ in 0..10_000 {
            value.write_str("a piece").expect("no error");
        }

        assert!(out.len() <= MAX_BYTES + CUT.len(), "{}", out.len());
    }
}
