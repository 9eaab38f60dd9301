//! The database of an old server. It is the same database as Rowkeep's, which is the usual case and the cheaper one.

use tokio_postgres::Client;

use crate::database::catalogue::described;
use crate::database::support::texts;
use crate::operation::program::{Ended, Program};
use crate::world::Database;

/// A table as SQLModel makes it on PostgreSQL, in the schema `public`.
pub const TASKS: &str = "
    create table public.tasks (
        id          serial primary key,
        user_id     varchar not null,
        title       varchar(200) not null,
        description varchar,
        completed   boolean not null,
        created_at  timestamp without time zone not null,
        updated_at  timestamp without time zone not null
    );";

/// A migrated database with the table of an old server in it.
pub struct OldServer {
    pub database: Database,
    /// The superuser, to whom no policy applies.
    pub admin: Client,
}

impl OldServer {
    /// With the table [`TASKS`] and three tasks of two users: alice's 3 and 4, and bob's 9.
    pub async fn new() -> Self {
        Self::with(&format!(
            "{TASKS}
             insert into public.tasks values
                (3, 'alice', 'buy milk', null,         false, '2026-01-10 09:30:00.123456', '2026-01-10 09:30:00.123456'),
                (4, 'alice', 'call mum', 'about tea',  true,  '2026-01-11 09:30:00',        '2026-01-12 10:00:00'),
                (9, 'bob',   'secret',   '',           false, '2026-01-12 09:30:00',        '2026-01-12 09:30:00');"
        ))
        .await
    }

    /// With whatever these statements make.
    pub async fn with(statements: &str) -> Self {
        let database = Database::new().await;
        let admin = database.superuser().await;
        admin.batch_execute(&format!("set timezone = 'UTC'; {statements}")).await.expect("an old table");
        Self { database, admin }
    }

    /// The command for a table of this server, with more arguments.
    pub fn adopt(&self, table: &str, arguments: &[&str]) -> Program {
        adopt(&self.database.url("postgres"), &self.database.url("postgres"), table, arguments)
    }

    /// Shows what an adoption of `public.tasks` would do.
    pub async fn previews(&self) -> Ended {
        self.adopt("public.tasks", &["--dry-run"]).run().await
    }

    /// Adopts `public.tasks`. The audit can fail in the cluster of this run, where other tests make roles.
    pub async fn adopts(&self) -> Ended {
        self.applies("public.tasks", &[]).await
    }

    /// The same, of another table.
    pub async fn applies(&self, table: &str, arguments: &[&str]) -> Ended {
        let ended = self.adopt(table, arguments).run().await;
        assert!(ended.out.contains("\ncopied    "), "{ended:?}");
        ended
    }

    /// The whole catalogue: what [`described`] lists of Rowkeep, and the relations and comments of all schemas.
    pub async fn catalogue(&self) -> Vec<String> {
        let others = "select pg_describe_object('pg_class'::regclass, oid, 0) from pg_class
                       where relnamespace::regnamespace::text !~ '^pg_'
                       union all
                      select concat_ws(': ', pg_describe_object(classoid, objoid, objsubid), description) from pg_description
                       where objoid >= 16384
                       order by 1";
        [described(&self.admin).await, texts(&self.admin, others).await].concat()
    }

    /// Every row of `app.tasks`, by id.
    pub async fn tasks(&self) -> Vec<String> {
        texts(&self.admin, "select t::text from app.tasks t order by id, user_id").await
    }

    /// Every row with the transaction that wrote it, and the state of the sequence.
    pub async fn written(&self) -> Vec<String> {
        let all = "select concat(xmin, ' ', t) from app.tasks t
                   union all select concat(last_value, ' ', is_called) from app.tasks_id_seq order by 1";
        texts(&self.admin, all).await
    }
}

/// The command from one database to another.
pub fn adopt(from: &str, to: &str, table: &str, arguments: &[&str]) -> Program {
    Program::new(&[&["adopt", "--table", table], arguments].concat()).with(&[
        ("ENVIRONMENT", "production"),
        ("SOURCE_DATABASE_URL", from),
        ("MIGRATION_DATABASE_URL", to),
        ("LOG_LEVEL", "error"),
    ])
}

/// Asserts that a run failed with this message.
pub fn assert_refused(ended: &Ended, message: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(message) && !ended.out.contains("copied"), "{message}\n{ended:?}");
}
