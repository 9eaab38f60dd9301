//! Backends whose connections were lost: Postgres may still run them, so their places stay taken.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join4;
use tokio::time::sleep;
use tokio_postgres::Error;

use super::connection::{Backend, PooledConnection};
use super::opening::Slot;
use super::pipeline::Pipeline;
use super::pool::ConnectionManager;
use super::statements::{BEGIN_READ, COMMIT, END_BACKENDS, NO_ROLE};
use super::transaction::{begin, omit_syncs, without_sync};
use super::turns::Turn;
use crate::database::describe;
use crate::time_limit::within;

/// Postgres is asked again after this time whether the backends have ended, and after twice the last time from then on.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest time until Postgres is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A backend that did not end when its connection was given up. It keeps its slot and its turn, so that no other connection
/// is opened in its place.
#[derive(Debug)]
struct LostBackend {
    backend: Backend,
    _slot: Arc<Slot>,
    _turn: Option<Turn>,
}

/// The backends that may still run.
#[derive(Debug, Default)]
pub(super) struct LostBackends {
    list: Mutex<Vec<LostBackend>>,
    is_looked_after: AtomicBool,
}

impl LostBackends {
    /// How many there are.
    pub(super) fn number(&self) -> usize {
        self.list().len()
    }

    fn list(&self) -> MutexGuard<'_, Vec<LostBackend>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionManager {
    /// Ends a connection. If its backend was not seen to end, the turn and the slot go on until it is.
    ///
    /// Behind a connection pooler the pooler bounds the number of backends.
    pub(super) fn give_up(&self, pipeline: &Pipeline, backend: Backend, turn: Option<Turn>) {
        let Some(slot) = pipeline.abort() else { return };
        if backend.is_pooled || backend.opened_at.is_empty() {
            return;
        }
        tracing::warn!(
            rowkeep.backend_pid = backend.process_id,
            "a backend does not answer: its connection is given up"
        );
        self.state.lost.list().push(LostBackend { backend, _slot: slot, _turn: turn });
        self.look_after_lost_backends();
    }

    fn look_after_lost_backends(&self) {
        if !self.state.lost.list().is_empty() && !self.state.lost.is_looked_after.swap(true, Acquire) {
            let manager = self.clone();
            tokio::spawn(async move {
                manager.end_lost_backends().await;
                manager.state.lost.is_looked_after.store(false, Release);
                // One may have been added in between.
                manager.look_after_lost_backends();
            });
        }
    }

    /// Tells the lost backends to end, until Postgres says that none is left.
    async fn end_lost_backends(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let lost = || self.state.lost.list();
            let backends: Vec<_> = lost().iter().map(|lost| lost.backend.clone()).collect();
            let left = match within(2 * self.step_timeout, self.end(&backends)).await {
                Some(Ok(left)) => left,
                Some(Err(Some(error))) if error.as_db_error().is_some() => {
                    tracing::error!(error.message = %describe(&error), "lost backends cannot be ended");
                    vec![]
                }
                // Nobody knows: ask again.
                _ => backends.iter().map(|backend| backend.process_id).collect(),
            };
            {
                let mut list = lost();
                list.retain(|lost| {
                    !backends.contains(&lost.backend) || left.contains(&lost.backend.process_id)
                });
                if list.is_empty() {
                    return;
                }
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }

    /// Tells these backends to end. Returns the process ids of those that have not ended yet.
    async fn end(&self, backends: &[Backend]) -> Result<Vec<i32>, Option<Error>> {
        let mut connection = self.open_for_a_look().await.map_err(|_| None)?;
        let left = end_backends(&mut connection, backends).await;
        connection.close().await;
        left.map_err(Some)
    }
}

async fn end_backends(connection: &mut PooledConnection, backends: &[Backend]) -> Result<Vec<i32>, Error> {
    connection.dirty = true;
    let process_ids: Vec<i32> = backends.iter().map(|backend| backend.process_id).collect();
    let opened_at: Vec<&str> = backends.iter().map(|backend| backend.opened_at.as_str()).collect();

    omit_syncs(connection, 3);
    let (begun, as_login, ended, committed) = join4(
        begin(connection, &BEGIN_READ),
        connection.run(&NO_ROLE, &[]),
        without_sync(connection, connection.run(&END_BACKENDS, &[&process_ids, &opened_at])),
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
