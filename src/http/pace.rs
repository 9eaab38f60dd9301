//! How fast a client reads, and the order to cut it off if others need the memory that it holds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How many bytes a second a client must read to keep its answer while others need the memory: a phone in a slow network
/// reads 50 KB a second.
const SLOWEST: u64 = 32 * 1024;

/// How long the server must have waited for a client before it can be slow. The system takes bytes in portions of 64 KiB and
/// more, so that a shorter time says little.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pace of the client of one connection. Only the time counts in which the server waits for it.
#[derive(Default)]
pub(super) struct Pace {
    measure: Mutex<Measure>,
    cut: CancellationToken,
}

/// A measurement. It starts again when it shows that the client is fast enough, so that nobody can read much at once and
/// little for the rest of the time.
#[derive(Default)]
struct Measure {
    taken: u64,
    /// How long the server has waited, without the wait in progress.
    waited: Duration,
    waits_since: Option<Instant>,
}

impl Pace {
    /// The client has taken bytes, or the system for it.
    pub(super) fn took(&self, bytes: usize) {
        self.measure().took(bytes, Instant::now());
    }

    /// A write has to wait for the client.
    pub(super) fn waits(&self) {
        self.measure().waits_since.get_or_insert_with(Instant::now);
    }

    /// Whether the client reads more slowly than a client may while others need the memory.
    pub(super) fn is_slow(&self) -> bool {
        self.measure().is_slow(Instant::now())
    }

    /// Tells the connection to end in the middle of its answer.
    pub(super) fn cut_off(&self) {
        self.cut.cancel();
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Resolves when the connection has to end.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// A client for which the server has waited long enough.
    #[cfg(test)]
    pub(super) fn of_a_slow_client() -> Self {
        let measure = Measure { waited: PATIENCE, ..Measure::default() };
        Self { measure: Mutex::new(measure), cut: CancellationToken::new() }
    }

    fn measure(&self) -> MutexGuard<'_, Measure> {
        self.measure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measure {
    fn took(&mut self, bytes: usize, now: Instant) {
        self.taken += bytes as u64;
        let Some(since) = self.waits_since.take() else { return };
        self.waited += now.saturating_duration_since(since);
        if self.waited >= PATIENCE && !is_slow(self.taken, self.waited) {
            *self = Self::default();
        }
    }

    fn is_slow(&self, now: Instant) -> bool {
        let waits = self.waits_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        // A client that takes nothing for so long is slow, whatever it took before.
        waits >= PATIENCE || is_slow(self.taken, self.waited + waits)
    }
}

fn is_slow(taken: u64, waited: Duration) -> bool {
    waited >= PATIENCE && u128::from(taken) * 1000 < u128::from(SLOWEST) * waited.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds after which a client is slow that takes so many bytes each second; none within two minutes.
    fn slow_after(mut measure: Measure, bytes_a_second: usize) -> Option<u64> {
        let mut now = Instant::now();
        (1..=120).find(|_| {
            measure.waits_since.get_or_insert(now);
            now += Duration::from_secs(1);
            let is_slow = measure.is_slow(now);
            if bytes_a_second > 0 {
                measure.took(bytes_a_second, now);
            }
            is_slow
        })
    }

    #[test]
    fn a_client_below_the_limit_is_slow_after_five_seconds_and_one_above_it_never() {
        for (bytes, wanted) in
            [(0, Some(5)), (1, Some(5)), (20_000, Some(5)), (50_000, None), (1 << 20, None)]
        {
            assert_eq!(slow_after(Measure::default(), bytes), wanted, "{bytes} bytes a second");
        }
    }

    #[test]
    fn much_at_once_is_no_credit_for_the_rest_of_the_time() {
        for (bytes, wanted) in [(0, 5), (1, 10)] {
            let mut measure = Measure::default();
            measure.took(100 << 20, Instant::now());

            assert_eq!(slow_after(measure, bytes), Some(wanted), "{bytes} bytes a second");
        }
    }

    #[test]
    fn a_client_for_which_nobody_waits_is_not_slow() {
        let mut measure = Measure::default();
        measure.took(1, Instant::now());

        assert!(!measure.is_slow(Instant::now() + Duration::from_secs(3600)));
    }
}
