//! Files that hold one secret, as Docker and Kubernetes mount them.

use std::path::Path;

/// The text of the file without the newline that editors put at its end.
///
/// # Errors
/// A sentence that names the file and repeats nothing of its text.
pub fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("the file {shown} is not text in UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() { Err(format!("the file {shown} is empty")) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_no_part_of_a_secret() {
        let path = std::env::temp_dir().join(format!("rowkeep-secret-file-{}", std::process::id()));
        for (bytes, wanted) in [
            (&b"secret"[..], Ok("secret")),
            (b"secret\n", Ok("secret")),
            (b"secret\r\n", Ok("secret")),
            (b" two lines \nand more\n\n", Ok(" two lines \nand more\n")),
            (b"", Err("is empty")),
            (b"\n", Err("is empty")),
            (b"\xffhush", Err("is not text in UTF-8")),
        ] {
            std::fs::write(&path, bytes).expect("a file");

            let found = read(&path);

            let start = format!("the file {} ", path.display());
            let found = found.map_err(|problem| problem.strip_prefix(&start).map(str::to_owned));
            assert_eq!(found, wanted.map(str::to_owned).map_err(|problem| Some(problem.to_owned())));
        }
        std::fs::remove_file(&path).expect("no more file");
        assert!(read(&path).expect_err("no file").contains("cannot be read"));
    }
}
