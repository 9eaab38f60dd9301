//! Writes a name for a statement that an operator copies.

/// The name as an identifier of SQL, in characters that print: a name can hold any other, and a line that shows it otherwise
/// would name another object.
pub(crate) fn identifier(name: &str) -> String {
    let prints = |character: char| matches!(character, ' '..='~') || character.escape_debug().len() == 1;
    if name.chars().all(prints) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    let escaped = name.chars().map(|character| match character {
        '"' => "\"\"".into(),
        '\\' => r"\\".into(),
        _ if prints(character) => character.into(),
        _ => format!(r"\+{:06x}", u32::from(character)),
    });
    format!("U&\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_name_prints() {
        for (name, wanted) in [
            ("rowkeep_login", r#""rowkeep_login""#),
            (r#"a "b" \c"#, r#""a ""b"" \c""#),
            ("größe", "\"größe\""),
            ("ä\n\u{202e}\"\\", r#"U&"ä\+00000a\+00202e""\\""#),
            ("\u{e0041}", r#"U&"\+0e0041""#),
        ] {
            assert_eq!(identifier(name), wanted);
        }
    }
}
