//! Users with very many tasks and users with few, in one database.

use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::question::Tasks;
use crate::database::support::begin_as;
use crate::world::Database;

/// Three users with 100,000 tasks each, and 250 with twenty that lie scattered among the whale's: a third of the whale's
/// are completed, all but five of busy's, and five of lazy's.
const FILL: [&str; 4] = [
    "set session_replication_role = replica",
    "insert into app.tasks (user_id, title, completed, created_at, updated_at)
     select case when n % 21 = 0 then 'minnow_' || (n / 21) % 250 else 'whale' end,
            'task ' || n, hashint4(n) % 3 = 0, now(), now()
       from generate_series(1, 105000) n",
    "insert into app.tasks (user_id, title, completed, created_at, updated_at)
     select user_id, 'task ' || n, (n % 20000 = 7) = (user_id = 'lazy'), now(), now()
       from generate_series(1, 100000) n, unnest(array['busy', 'lazy']) user_id",
    "reset session_replication_role",
];

/// The database of every test that changes nothing in it.
pub struct Sea {
    pub database: Database,
    pub whale: Tasks,
    pub busy: Tasks,
    pub lazy: Tasks,
    pub minnow: Tasks,
}

impl Sea {
    pub async fn the() -> &'static Self {
        static SEA: OnceCell<Sea> = OnceCell::const_new();

        SEA.get_or_init(async || {
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
            whale: tasks(admin, "whale").await,
            busy: tasks(admin, "busy").await,
            lazy: tasks(admin, "lazy").await,
            minnow: tasks(admin, "minnow_7").await,
            database,
        }
    }

    /// A connection of the recommended login, as the server opens it.
    pub async fn connection(&self) -> Client {
        server_connection(&self.database).await
    }

    /// The same, with another mode for its plans.
    pub async fn connection_in(&self, mode: &str) -> Client {
        let client = connection(&self.database).await;
        client.batch_execute(&format!("set plan_cache_mode = {mode}")).await.expect("a setting");
        client
    }
}

/// A connection of the recommended login, as the server opens it.
pub async fn server_connection(database: &Database) -> Client {
    let client = connection(database).await;
    let plans = include_str!("../../../../sql/session/planner.sql");
    client.batch_execute(plans).await.expect("a setting");
    client
}

async fn connection(database: &Database) -> Client {
    let client = database.client("rowkeep_login").await;
    let search_path = include_str!("../../../../sql/session/search_path.sql");
    client.batch_execute(search_path).await.expect("a setting");
    // How long it takes is not the question here.
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

/// Runs `work` as `user`, and takes back whatever it changed.
pub async fn as_user<T>(client: &Client, user: &str, work: impl Future<Output = T>) -> T {
    begin_as(client, user).await;
    let outcome = work.await;
    client.batch_execute("rollback").await.expect("an end");
    outcome
}
