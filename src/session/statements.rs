//! Statements of `sql/` with the types of their parameters, and those that every connection runs beside the queries.

use tokio_postgres::types::Type;

/// The type of a parameter in Postgres.
///
/// Types are declared, so that a statement can be sent without asking Postgres for them first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    Bigint,
    Boolean,
    Integer,
    Text,
    Timestamptz,
    IntegerArray,
    TextArray,
}

impl ParameterType {
    /// The driver's name of this type.
    pub fn driver_type(self) -> Type {
        match self {
            Self::Bigint => Type::INT8,
            Self::Boolean => Type::BOOL,
            Self::Integer => Type::INT4,
            Self::Text => Type::TEXT,
            Self::Timestamptz => Type::TIMESTAMPTZ,
            Self::IntegerArray => Type::INT4_ARRAY,
            Self::TextArray => Type::TEXT_ARRAY,
        }
    }
}

/// One statement: the text of `sql/<name>.sql`, and the types of its parameters in order.
#[derive(Debug)]
pub struct Statement {
    pub name: &'static str,
    pub sql: &'static str,
    pub parameter_types: &'static [ParameterType],
}

macro_rules! statements {
    ($(#[$doc:meta])+ $all:ident in $folder:literal: $($name:ident = $file:literal ($($parameter:ident),*);)+) => {
        $(
            pub(super) static $name: Statement = Statement {
                name: concat!($folder, "/", $file),
                sql: include_str!(concat!("../../sql/", $folder, "/", $file, ".sql")),
                parameter_types: &[$(ParameterType::$parameter),*],
            };
        )+

        $(#[$doc])+
        pub static $all: &[&Statement] = &[$(&$name),+];
    };
}

statements! {
    /// The statements of sessions.
    SESSION_STATEMENTS in "session":
    BEGIN = "begin" ();
    BEGIN_READ = "begin_read" ();
    BEGIN_SNAPSHOT = "begin_snapshot" ();
    CONNECTION = "connection" ();
    POOLER = "pooler" ();
    SETTINGS = "settings" (Boolean, Text, Text, Text);
    IDENTIFY = "identify" (Text);
    IDENTIFY_ON_STANDBY = "identify_on_standby" (Text);
    COMMIT = "commit" ();
    ROLLBACK = "rollback" ();
    PROBE = "probe" (Text);
    ASSUME_ROLE = "assume_role" ();
    PROBE_WITHOUT_IDENTITY = "probe_without_identity" ();
    PROBE_NOBODY = "probe_nobody" ();
    COLLATION_VERSION = "collation_version" ();
    NO_ROLE = "no_role" ();
    END_BACKENDS = "end_backends" (IntegerArray, TextArray);
    LINEAGE = "lineage" ();
    WAL_POSITION = "wal_position" ();
    WAL_REPLAYED = "wal_replayed" ();
}

statements! {
    /// The statements for the nodes of a distributed database. PostgreSQL alone cannot prepare them.
    NODE_STATEMENTS in "nodes":
    NODES = "list" ();
    NODE_TIME_LIMIT = "time_limit" ();
    PROBE_NODE = "probe" (Text, Integer, Text, TextArray, Text);
}

/// The statements of requests beside their queries. Connections prepare these and no others: each look at the database opens
/// a connection of its own, and runs the rest once.
pub(super) static REQUEST_STATEMENTS: [&Statement; 7] =
    [&BEGIN, &BEGIN_READ, &BEGIN_SNAPSHOT, &SETTINGS, &IDENTIFY, &COMMIT, &ROLLBACK];

/// What the connections of the primary prepare as well where read replicas are configured, and those of a replica.
pub(super) static PRIMARY_STATEMENTS: [&Statement; 1] = [&WAL_POSITION];
pub(super) static REPLICA_STATEMENTS: [&Statement; 2] = [&IDENTIFY_ON_STANDBY, &WAL_REPLAYED];
