//! Time limits that read what has arrived before they look at the clock.
//!
//! The process can stand still: it is stopped, its container is paused, or its machine is suspended. When it goes on, data
//! has arrived and timers are due. The runtime can fire the timers first, because the signal that continues a process also
//! interrupts the call that reports sockets. So a limit is over only after the runtime has had some time to read.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long the runtime gets to read what has arrived. A timer that fires later than by this much shows that the process
/// stood still, or that it had more to do than it could.
const GRACE: Duration = Duration::from_millis(100);

/// Resolves when `limit` has passed and the runtime has read what had arrived by then. A limit in which the process stood
/// still starts again, once: a process that has too much to do for long must not wait for ever.
pub async fn passed(limit: Duration) {
    for time in [limit, GRACE] {
        let started = Instant::now();
        sleep(time).await;
        if started.elapsed() > time + GRACE {
            sleep(time).await;
        }
    }
}

/// The result of `work`; none if it takes longer than `limit`.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = work => Some(result),
        () = passed(limit) => None,
    }
}
