//! Time limits that read what has arrived before they look at the clock.
//!
//! The process can stand still: it is stopped, its container is paused, or its machine is suspended. When it goes on, data
//! has arrived and timers are due. The runtime can fire the timers first, because the signal that continues a process also
//! interrupts the call that reports sockets. So a limit is over only after the runtime has had some time to read.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The time to read what has arrived, after a limit has passed.
const GRACE: Duration = Duration::from_millis(100);

/// Resolves when `limit` has passed and the runtime has read what had arrived by then.
pub async fn passed(limit: Duration) {
    sleep(limit).await;
    loop {
        let started = Instant::now();
        sleep(GRACE).await;
        // A timer that fires late shows that the process stood still again, or that it has more to do than it can.
        if started.elapsed() < 2 * GRACE {
            return;
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
