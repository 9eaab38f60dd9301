//! Whole lists, which the server reads and sends page by page.

mod complete;
mod compressed;
mod failures;
pub mod reader;
mod response_memory;
mod slow_readers;
mod transactions;

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::database_proxy::Proxy;
use crate::world::{Database, SECRET, Server, World};
pub use reader::Reader;
pub use slow_readers::peak_memory;

/// Gives a user tasks, each with a description of `description` characters.
pub async fn add_tasks(database: &Database, user: &str, number: usize, description: usize) -> Client {
    let admin = database.superuser().await;
    // Without the trigger: many rows would take too long.
    let fill = format!(
        "set session_replication_role = replica;
         insert into app.tasks (user_id, title, description, completed, created_at, updated_at)
         select '{user}', 'task', nullif(repeat('x', {description}), ''), n % 3 = 0, now(), now()
           from generate_series(1, {number}) n;
         reset session_replication_role"
    );
    admin.batch_execute(&fill).await.expect("tasks");
    admin
}

/// The number of tasks in the long list.
const MANY: usize = 100_000;

/// A lower bound of the long list's pages: a page has fewer than 250 of these tasks.
const MANY_PAGES: usize = MANY / 250;

/// The size of the long list's descriptions, in bytes.
const MANY_BYTES: usize = MANY * 1000;

/// A server on a database in which alice has the long list. Tests share the database, and only read it.
async fn long_list(settings: &[(&str, &str)]) -> Server {
    static DATABASE: OnceCell<Database> = OnceCell::const_new();

    let database = DATABASE
        .get_or_init(async || {
            let database = Database::new().await;
            add_tasks(&database, "alice", MANY, 1000).await;
            database
        })
        .await;
    let url = database.url("rowkeep_login");
    let mut all = vec![("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    all.extend(settings);
    Server::start(&all).await.expect("a server")
}

/// A server whose one database connection goes through a proxy, and alice with `tasks` tasks.
async fn with_proxy(tasks: usize, description: usize, settings: &[(&str, &str)]) -> (World, Proxy) {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    add_tasks(&database, "alice", tasks, description).await;
    let url = proxy.url(&database, "rowkeep_login");
    let mut all = vec![("DATABASE_URL", url.as_str()), ("DATABASE_POOL_SIZE", "2")];
    all.extend(settings);
    (World::on(database, &all).await, proxy)
}

/// The number of list pages that the server has queried.
fn pages_queried(server: &Server) -> usize {
    let is_page = |line: &&String| line.contains(r#""message":"query""#) && line.contains(r#""tasks/list"#);
    server.log().iter().filter(is_page).count()
}

/// The same, once the server has queried no page for a second.
async fn pages_queried_when_quiet(server: &Server) -> usize {
    let (mut before, mut quiet) = (pages_queried(server), 0);
    while quiet < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = pages_queried(server);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    before
}

/// Clients that have read the beginning of a list of alice's, and do not read on.
async fn stopped_readers(server: &Server, number: usize) -> Vec<Reader> {
    let mut readers = Vec::new();
    for at in 0..number {
        let path = ["/api/tasks", "/api/alice/tasks"][at % 2];
        let mut reader = Reader::of(server.address, path, "alice").await;
        reader.begins().await;
        readers.push(reader);
    }
    readers
}
