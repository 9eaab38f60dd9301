//! What a server of the release before asks, and the right answers. Alice has the tasks 1 and 2, bob has the task 3.

/// The folder of the release.
pub const FOLDER: &str = "tests/releases/migration-8";

/// Its last migration.
pub const MIGRATION: i32 = 8;

/// One statement of `tasks/`, its parameters after the user's id, and the rows.
type Call = (&'static str, &'static [Option<&'static str>], &'static [&'static str]);

/// The first page of a list: its bound, limit and offset.
const NEWEST: &[Option<&str>] = &[Some("9223372036854775807"), Some("20"), Some("0")];
const OLDEST: &[Option<&str>] = &[Some("0"), Some("20"), Some("0")];
const FIRST: &[Option<&str>] = &[None, Some(""), None, None, None, None, Some("20"), Some("0")];

const ONE: &str = "1|alice|Buy milk|two litres|false";
/// The second task, after its edit.
const EDITED: &str = "2|alice|call mum||true";

/// In this order: the later ones see the changes of the earlier ones.
pub const CALLS: &[Call] = &[
    ("read", &[Some("1")], &[ONE]),
    ("read", &[Some("3")], &[]),
    ("edit", &[Some("2"), Some("call mum"), Some("true"), None, Some("true"), None], &[EDITED]),
    ("edit", &[Some("3"), Some("mine"), Some("false"), None, Some("false"), None], &[]),
    ("edit", &[Some("1"), None, Some("false"), None, Some("false"), None], &[ONE]),
    ("list", NEWEST, &[EDITED, ONE]),
    ("list", &[Some("2"), Some("20"), Some("0")], &[ONE]),
    ("list", &[Some("9223372036854775807"), Some("1"), Some("1")], &[ONE]),
    ("list_pending", NEWEST, &[ONE]),
    ("list_completed", NEWEST, &[EDITED]),
    ("list_oldest", OLDEST, &[ONE, EDITED]),
    ("list_oldest_pending", OLDEST, &[ONE]),
    ("list_oldest_completed", OLDEST, &[EDITED]),
    ("list_by_title", FIRST, &[ONE, EDITED]),
    (
        "list_by_title",
        &[None, Some(""), None, None, Some("Buy milk"), Some("1"), Some("20"), Some("0")],
        &[EDITED],
    ),
    ("list_by_title_descending", FIRST, &[EDITED, ONE]),
    ("list_by_updated_at", FIRST, &[ONE, EDITED]),
    ("list_by_updated_at_descending", FIRST, &[EDITED, ONE]),
    ("search", &[None, Some("MILK"), None, None, NEWEST[0], Some("20"), Some("0")], &[ONE]),
    ("search_oldest", &[Some("true"), Some("Mum"), None, None, Some("0"), Some("20"), Some("0")], &[EDITED]),
    ("count", &[], &["2"]),
    ("count_pending", &[], &["1"]),
    ("count_completed", &[], &["1"]),
    ("count_found", &[None, Some("LITRES"), None, None], &["1"]),
    ("delete", &[Some("3")], &[]),
    ("delete", &[Some("2")], &["2"]),
    ("list", NEWEST, &[ONE]),
];
