//! What the files of the checks say of themselves: which controls of the CIS benchmark and of SOC 2 they answer, and whether
//! they can fail.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

static CHECKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/audit/checks");
static PROGRAM: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/audit/program");

/// The names of the controls, which follow two blanks.
const NAMES: &str = include_str!("../../sql/audit/controls.txt");

/// The controls that the check with this id answers, such as `CIS 4.7: Ensure Row Level Security (RLS) is configured
/// correctly`.
pub fn controls(id: &str) -> &'static [String] {
    static CONTROLS: LazyLock<BTreeMap<&str, Vec<String>>> = LazyLock::new(|| {
        let texts = CHECKS.files().chain(PROGRAM.files()).filter_map(|file| file.contents_utf8());
        texts.filter_map(|text| Some((id_of(text)?, controls_of(text)))).collect()
    });
    CONTROLS.get(id).map_or(&[], Vec::as_slice)
}

/// Whether the check with this name can give a FAIL: its head says so. A check that does not exist could.
pub(super) fn can_fail(name: &str) -> bool {
    let text = CHECKS.get_file(format!("{name}.sql")).and_then(|file| file.contents_utf8());
    text.is_none_or(|text| text.contains("FAIL"))
}

/// The id that a file quotes.
fn id_of(text: &str) -> Option<&str> {
    let at = text.find("'RK-")? + 1;
    text.get(at..at + 6)
}

fn controls_of(text: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("-- Controls: ")).unwrap_or_default();
    let names = line.split("; ").filter(|control| !control.is_empty());
    names
        .map(|control| match name(control) {
            Some(name) => format!("{control}: {name}"),
            None => control.to_owned(),
        })
        .collect()
}

fn name(control: &str) -> Option<&'static str> {
    let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once("  "))
        .find_map(|(number, name)| (number == control).then(|| name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_belongs_to_one_check_and_each_control_has_a_name() {
        let texts = CHECKS.files().chain(PROGRAM.files()).filter_map(|file| file.contents_utf8());
        let ids: Vec<_> = texts.filter_map(id_of).collect();

        for (at, id) in ids.iter().enumerate() {
            assert!(!ids.iter().take(at).any(|other| other == id), "two checks have the id {id}");
            for control in controls(id) {
                assert!(control.contains(": "), "{id}: sql/audit/controls.txt does not name {control}");
            }
        }
    }

    #[test]
    fn a_check_that_only_notes_cannot_fail() {
        assert!(can_fail("table_row_security") && can_fail("no_such_check") && !can_fail("channels"));
    }

    #[test]
    fn a_check_of_row_security_answers_its_section_of_the_benchmark() {
        assert_eq!(
            controls("RK-301"),
            [
                "CIS 4.7: Ensure Row Level Security (RLS) is configured correctly",
                "SOC 2 CC6.1: Logical access security over protected information assets"
            ]
        );
        assert_eq!(controls("RK-000"), [""; 0]);
    }
}
