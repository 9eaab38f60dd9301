//! Lists of any length, that are sent page by page.

mod broken;
mod complete;
mod reader;
mod room;
mod slow;
mod turns;

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::proxy::Proxy;
use crate::world::{Database, SECRET, Server, World};
use reader::Reader;

/// Gives a user tasks, each with a description of that many characters.
async fn has_tasks(database: &Database, user: &str, number: usize, description: usize) -> Client {
    let admin = database.superuser().await;
    // Without the trigger and its time stamps: it is about many.
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

/// How many tasks alice has in the long list.
const MANY: usize = 100_000;

/// The long list has more pages than this: fewer than so many of its tasks make one up.
const MANY_PAGES: usize = MANY / 250;

/// How much of the long list is descriptions, in bytes.
const MANY_BYTES: usize = MANY * 1000;

/// A server on a database in which alice has very many tasks of a kilobyte each. Nobody changes them.
async fn long_list(settings: &[(&str, &str)]) -> Server {
    static DATABASE: OnceCell<Database> = OnceCell::const_new();

    let database = DATABASE
        .get_or_init(async || {
            let database = Database::new().await;
            has_tasks(&database, "alice", MANY, 1000).await;
            database
        })
        .await;
    let url = database.url("rowkeep_login");
    let mut all = vec![("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    all.extend(settings);
    Server::start(&all).await.expect("a server")
}

/// A server whose one connection to PostgreSQL goes through a proxy, and alice with that many tasks.
async fn with_proxy(tasks: usize, description: usize, settings: &[(&str, &str)]) -> (World, Proxy) {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    has_tasks(&database, "alice", tasks, description).await;
    let url = proxy.url(&database, "rowkeep_login");
    let mut all = vec![("DATABASE_URL", url.as_str()), ("DATABASE_POOL_SIZE", "1")];
    all.extend(settings);
    (World::on(database, &all).await, proxy)
}

/// How often the server has asked for a page of a list.
fn pages_asked(server: &Server) -> usize {
    let is_page = |line: &&String| line.contains(r#""message":"query""#) && line.contains(r#""tasks/list"#);
    server.log().iter().filter(is_page).count()
}

/// How often it has when it asks for no more, for a while.
async fn pages_asked_when_quiet(server: &Server) -> usize {
    let (mut before, mut quiet) = (pages_asked(server), 0);
    while quiet < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = pages_asked(server);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    before
}

/// Clients that have begun to read a list of alice's, and stop.
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
