//! `.env`: settings of a checkout, read in development only.
//!
//! It gives settings and nothing else. Other variables would change programs that this one starts, or what its libraries do.
//! Front ends keep variables of their own in the same file, so those are ignored.

use std::collections::BTreeMap;

use crate::development::{self, POSTGRES_BIN_DIR};

/// Reads the checkout's `.env`. A `.env` in a directory above belongs to another project.
///
/// # Errors
/// The file belongs to somebody else, or has a line that is wrong. The text repeats nothing of the file: it can hold secrets.
pub(super) fn read() -> Result<BTreeMap<String, String>, String> {
    let checkout = development::checkout().map_err(|error| format!("the working directory: {error}"))?;
    let Some(bytes) = development::read_own(&checkout, ".env")? else { return Ok(BTreeMap::new()) };
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        format!(".env: line {} is not text in UTF-8", line_number(before))
    })?;
    // Some editors begin a file with a byte order mark.
    parse(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = line.map_err(|error| describe(&error, text))?;
        if name == POSTGRES_BIN_DIR {
            return Err(format!(
                ".env: {name} names programs to run, and is not read from this file: remove it here, and set it in the \
                 environment"
            ));
        }
        values.entry(name).or_insert(value);
    }
    Ok(values)
}

fn describe(error: &dotenvy::Error, text: &str) -> String {
    // The text of this error would repeat the line.
    let dotenvy::Error::LineParse(line, _) = error else { return format!(".env cannot be read: {error}") };
    let number = text.lines().position(|other| other.trim() == line.trim());
    let which = number.map_or("a line".into(), |at| format!("line {}", at + 1));
    format!(
        ".env: {which} is not NAME=value. Put a value with spaces into double quotes, or put # before the line"
    )
}

/// The number of the line that follows this text.
fn line_number(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
