//! One database with users who have very many tasks and users who have few.

use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::query::Tasks;
use crate::database::support::begin_as;
use crate::world::Database;

/// Three users have 100,000 tasks each. `large` has completed a third of them, `few_pending` all but five, `few_completed`
/// only five. Another 250 users, `small_0` to `small_249`, have twenty tasks each, scattered among those of `large`.
const FILL: [&str; 4] = [
    "set session_replication_role = replica",
    "insert into app.tasks (user_id, title, completed, created_at, updated_at)
     select case when n % 21 = 0 then 'small_' || (n / 21) % 250 else 'large' end,
            'task ' || n, hashint4(n) % 3 = 0, now(), now()
       from generate_series(1, 105000) n",
    "insert into app.tasks (user_id, title, completed, created_at, updated_at)
     select user_id, 'task ' || n, (n % 20000 = 7) = (user_id = 'few_completed'), now(), now()
       from generate_series(1, 100000) n, unnest(array['few_pending', 'few_completed']) user_id",
    "reset session_replication_role",
];

/// That database, with the tasks of four of its users. Tests that change nothing share one.
pub struct LargeTable {
    pub database: Database,
    pub large: Tasks,
    pub few_pending: Tasks,
    pub few_completed: Tasks,
    pub small: Tasks,
}

impl LargeTable {
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<LargeTable> = OnceCell::const_new();

        SHARED
            .get_or_init(async || {
                let database = Database::new().await;
                let admin = database.superuser().await;
                fill(&admin).await;
                admin.batch_execute("vacuum analyze app.tasks").await.expect("statistics");
                Self::of(database, &admin).await
            })
            .await
    }

    pub async fn of(database: Database, admin: &Client) -> Self {
        Self {
            large: tasks(admin, "large").await,
            few_pending: tasks(admin, "few_pending").await,
            few_completed: tasks(admin, "few_completed").await,
            small: tasks(admin, "small_7").await,
            database,
        }
    }

    /// A connection of the recommended login, as the server opens it.
    pub async fn connection(&self) -> Client {
        server_connection(&self.database).await
    }

    /// Such a connection with another value of plan_cache_mode.
    pub async fn connection_in(&self, mode: &str) -> Client {
        let client = connection(&self.database).await;
        client.batch_execute(&format!("set plan_cache_mode = {mode}")).await.expect("a setting");
        client
    }
}

/// A connection of the recommended login, with the settings of the server. These tests measure buffers and not time, so it
/// has no time limits.
pub async fn server_connection(database: &Database) -> Client {
    let client = database.client("rowkeep_login").await;
    let settings = include_str!("../../../../sql/session/settings.sql");
    client.execute(settings, &[&false, &"0", &"0", &"0"]).await.expect("settings");
    client
}

/// A connection of the recommended login that plans as its own settings say.
async fn connection(database: &Database) -> Client {
    let client = database.client("rowkeep_login").await;
    client.batch_execute("set search_path = ''").await.expect("a setting");
    client.batch_execute("set statement_timeout = 0").await.expect("a setting");
    client
}

/// Fills an empty database.
pub async fn fill(admin: &Client) {
    for statement in FILL {
        admin.batch_execute(statement).await.expect("rows");
    }
}

async fn tasks(admin: &Client, user: &str) -> Tasks {
    let sql = "select id from app.tasks where user_id = $1 order by id";
    let rows = admin.query(sql, &[&user]).await.expect("rows");
    Tasks { user: user.into(), ids: rows.iter().map(|row| row.get(0)).collect() }
}

/// Runs `work` as `user`, and rolls back its changes.
pub async fn as_user<T>(client: &Client, user: &str, work: impl Future<Output = T>) -> T {
    begin_as(client, user).await;
    let outcome = work.await;
    client.batch_execute("rollback").await.expect("an end");
    outcome
}
