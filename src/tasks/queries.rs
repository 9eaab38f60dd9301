//! The queries about tasks: one for each file of `sql/tasks`.

use crate::session::{ParameterType, Query};

macro_rules! queries {
    ($($name:ident = $kind:ident $file:literal ($($parameter:ident),*);)+) => {
        $(
            pub(super) static $name: Query = Query::$kind(
                concat!("tasks/", $file),
                include_str!(concat!("../../sql/tasks/", $file, ".sql")),
                &[$(ParameterType::$parameter),*],
            );
        )+

        /// Every query about tasks. Each connection prepares them.
        pub static QUERIES: &[&Query] = &[$(&$name),+];
    };
}

queries! {
    LIST = read "list" (Text, Bigint, Bigint, Bigint);
    LIST_PENDING = read "list_pending" (Text, Bigint, Bigint, Bigint);
    LIST_COMPLETED = read "list_completed" (Text, Bigint, Bigint, Bigint);
    LIST_OLDEST = read "list_oldest" (Text, Bigint, Bigint, Bigint);
    LIST_OLDEST_PENDING = read "list_oldest_pending" (Text, Bigint, Bigint, Bigint);
    LIST_OLDEST_COMPLETED = read "list_oldest_completed" (Text, Bigint, Bigint, Bigint);
    LIST_BY_TITLE = full_scan "list_by_title" (Text, Boolean, Text, Text, Text, Text, Bigint, Bigint, Bigint);
    LIST_BY_TITLE_DESCENDING = full_scan "list_by_title_descending" (Text, Boolean, Text, Text, Text, Text, Bigint, Bigint, Bigint);
    LIST_BY_UPDATED_AT = full_scan "list_by_updated_at" (Text, Boolean, Text, Text, Text, Timestamptz, Bigint, Bigint, Bigint);
    LIST_BY_UPDATED_AT_DESCENDING = full_scan "list_by_updated_at_descending" (Text, Boolean, Text, Text, Text, Timestamptz, Bigint, Bigint, Bigint);
    SEARCH = full_scan "search" (Text, Boolean, Text, Text, Text, Bigint, Bigint, Bigint);
    SEARCH_OLDEST = full_scan "search_oldest" (Text, Boolean, Text, Text, Text, Bigint, Bigint, Bigint);
    COUNT = full_scan "count" (Text);
    COUNT_PENDING = full_scan "count_pending" (Text);
    COUNT_COMPLETED = full_scan "count_completed" (Text);
    COUNT_FOUND = full_scan "count_found" (Text, Boolean, Text, Text, Text);
    READ = read "read" (Text, Bigint);
    CREATE = insert "create" (Text, Text, Boolean);
    EDIT = write "edit" (Text, Bigint, Text, Boolean, Text, Boolean, Boolean);
    DELETE = write "delete" (Text, Bigint);
}
