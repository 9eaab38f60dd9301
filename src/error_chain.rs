//! The text of an error together with its causes.

/// The error and every error behind it, as `outer: cause: cause`. Libraries often say only that something failed.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
