//! Starting, stopping, overload, and the development database.
