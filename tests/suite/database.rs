//! What holds inside the database.
