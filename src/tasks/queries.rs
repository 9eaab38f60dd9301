//! The queries about tasks: one for each file of `sql/tasks`.

use crate::session::Query;

macro_rules! queries {
    ($($name:ident = $kind:ident $file:literal;)+) => {
        $(
            pub(super) static $name: Query = Query::$kind(
                concat!("tasks/", $file),
                include_str!(concat!("../../sql/tasks/", $file, ".sql")),
            );
        )+

        /// Every query about tasks. Each connection prepares them.
        pub static QUERIES: &[&Query] = &[$(&$name),+];
    };
}

queries! {
    LIST = read "list";
    LIST_PENDING = read "list_pending";
    LIST_COMPLETED = read "list_completed";
    LIST_OLDEST = read "list_oldest";
    LIST_OLDEST_PENDING = read "list_oldest_pending";
    LIST_OLDEST_COMPLETED = read "list_oldest_completed";
    LIST_BY_TITLE = full_scan "list_by_title";
    LIST_BY_TITLE_DESCENDING = full_scan "list_by_title_descending";
    LIST_BY_UPDATED_AT = full_scan "list_by_updated_at";
    LIST_BY_UPDATED_AT_DESCENDING = full_scan "list_by_updated_at_descending";
    SEARCH = full_scan "search";
    SEARCH_OLDEST = full_scan "search_oldest";
    COUNT = read "count";
    COUNT_PENDING = read "count_pending";
    COUNT_COMPLETED = read "count_completed";
    COUNT_FOUND = full_scan "count_found";
    READ = read "read";
    CREATE = insert "create";
    REPLACE = write "replace";
    COMPLETE = write "complete";
    TOGGLE = write "toggle";
    DELETE = write "delete";
}
