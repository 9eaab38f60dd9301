//! One text for an error and all of its causes.

/// The texts of the error and of every cause behind it, joined by colons.
///
/// The text of a library's error often says only that something failed; the causes say why.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
