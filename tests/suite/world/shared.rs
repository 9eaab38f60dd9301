//! Servers that tests use one after another. A start takes longer than all requests of most tests.

use std::ops::Deref;
use std::sync::Mutex;

use tokio_postgres::Client;

use super::{Watcher, World, replicas};

/// A world that no other test uses at the same time, with a table without tasks. The test may send requests and write rows,
/// and nothing else: the next test gets the same server and the same database.
pub struct SharedWorld(Option<Kept>);

/// Those that no test uses now.
static FREE: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

impl SharedWorld {
    pub(super) async fn take() -> Self {
        let free = FREE.lock().expect("no poison").pop();
        let kept = match free {
            Some(kept) => kept.emptied().await,
            None => Kept::new().await,
        };
        Self(Some(kept))
    }
}

impl Deref for SharedWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0.as_ref().expect("it is given back when it is dropped").world
    }
}

impl Drop for SharedWorld {
    fn drop(&mut self) {
        let Some(mut kept) = self.0.take() else { return };
        // After a failure nobody knows what state it is in.
        if !std::thread::panicking() {
            kept.last_test = std::thread::current().name().unwrap_or_default().into();
            FREE.lock().expect("no poison").push(kept);
        }
    }
}

struct Kept {
    _watcher: Watcher,
    world: World,
    catalogue: String,
    last_test: String,
}

impl Kept {
    async fn new() -> Self {
        let world = World::new().await;
        let watcher = world.server.end_with_this_process();
        let catalogue = catalogue(&world.database.superuser().await).await;
        Self { _watcher: watcher, world, catalogue, last_test: String::new() }
    }

    /// Without the tasks of the last test, and without what was logged for it.
    async fn emptied(self) -> Self {
        self.world.server.forget_log();
        let superuser = self.world.database.superuser().await;
        superuser.batch_execute("truncate app.tasks restart identity").await.expect("an empty table");
        replicas::have_followed(&superuser).await;
        let found = catalogue(&superuser).await;
        assert_eq!(
            found, self.catalogue,
            "{} changes more than rows: it needs its own world",
            self.last_test
        );
        self
    }
}

/// Differs when a policy, a function, a trigger or a column was changed, or a setting of the database.
async fn catalogue(superuser: &Client) -> String {
    let changed = "
        select concat_ws(' ', (select max(xmin::text::bigint) from pg_policy), (select max(xmin::text::bigint) from pg_proc),
                         (select max(xmin::text::bigint) from pg_trigger), (select max(xmin::text::bigint) from pg_attribute),
                         (select max(xmin::text::bigint) from pg_namespace), (select count(*) from pg_class),
                         (select count(*) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
                           where d.datname = current_database()))";
    superuser.query_one(changed, &[]).await.expect("a catalogue").get(0)
}
