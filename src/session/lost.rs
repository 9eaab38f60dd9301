//! Backends whose connections were lost: Postgres may still run them, so their places stay taken.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join4;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_postgres::Error;

use super::Session;
use super::pool::{Backend, PooledConnection};
use super::statements::{BEGIN_READ, COMMIT, END_BACKENDS, NO_ROLE};
use super::transaction::{begin, omit_syncs, without_sync};
use super::turns::Turn;
use crate::database::describe;

/// How often Postgres is asked whether the backends have ended.
const PAUSE: Duration = Duration::from_millis(500);

/// A backend that did not answer when its connection was given up.
pub(super) struct LostBackend {
    pub(super) backend: Backend,
    pub(super) _slot: Option<OwnedSemaphorePermit>,
    pub(super) _turn: Turn,
}

/// The backends that may still run. Each keeps its turn and its slot, so that no other connection is opened in its place.
#[derive(Default)]
pub(super) struct LostBackends(Mutex<Vec<LostBackend>>);

impl LostBackends {
    fn list(&self) -> MutexGuard<'_, Vec<LostBackend>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Keeps the place of a lost backend until Postgres says that it has ended. Behind a connection pooler the pooler bounds
    /// the number of backends.
    pub(super) fn lose(&self, lost: LostBackend) {
        if lost.backend.is_pooled {
            return;
        }
        tracing::warn!(
            process_id = lost.backend.process_id,
            "a backend does not answer: its connection is given up"
        );
        let mut list = self.lost.list();
        list.push(lost);
        if list.len() == 1 {
            let session = self.clone();
            tokio::spawn(async move { session.end_lost_backends().await });
        }
    }

    /// Tells the lost backends to end, until none is left.
    async fn end_lost_backends(&self) {
        loop {
            sleep(PAUSE).await;
            let backends: Vec<_> = self.lost.list().iter().map(|lost| lost.backend.clone()).collect();
            let left = match timeout(2 * self.step_timeout, self.end(&backends)).await {
                Ok(Ok(left)) => left,
                Ok(Err(Some(error))) if error.as_db_error().is_some() => {
                    tracing::error!(cause = %describe(&error), "lost backends cannot be ended");
                    vec![]
                }
                // Nobody knows: ask again.
                _ => continue,
            };
            let mut list = self.lost.list();
            list.retain(|lost| !backends.contains(&lost.backend) || left.contains(&lost.backend.process_id));
            if list.is_empty() {
                return;
            }
        }
    }

    /// Tells these backends to end. Returns the process ids of those that have not ended yet.
    async fn end(&self, backends: &[Backend]) -> Result<Vec<i32>, Option<Error>> {
        let mut connection = self.pool.get().await.map_err(|_| None)?;
        end_backends(&mut connection, backends).await.map_err(Some)
    }
}

async fn end_backends(connection: &mut PooledConnection, backends: &[Backend]) -> Result<Vec<i32>, Error> {
    connection.dirty = true;
    let process_ids: Vec<i32> = backends.iter().map(|backend| backend.process_id).collect();
    let starts: Vec<&str> = backends.iter().map(|backend| backend.start.as_str()).collect();

    omit_syncs(connection, 3);
    let (begun, as_login, ended, committed) = join4(
        begin(connection, &BEGIN_READ),
        connection.run(&NO_ROLE, &[]),
        without_sync(connection, connection.run(&END_BACKENDS, &[&process_ids, &starts])),
        connection.run(&COMMIT, &[]),
    )
    .await;
    begun?;
    as_login?;
    let left = ended?;
    committed?;
    connection.dirty = false;
    left.iter().map(|row| row.try_get("process_id")).collect()
}
