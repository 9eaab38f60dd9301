//! GCRA, the generic cell rate algorithm (ITU-T I.371): it keeps one time for each key, and no counters.
//!
//! The time of a key is when its next event would come if its events came at a steady rate. An event that comes earlier is let
//! in while the time is not further away than a burst takes.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

const NANOSECONDS: u64 = 1_000_000_000;

/// A limit for each of many keys.
pub(super) struct Limiter {
    quota: Quota,
    /// The time of each key, in nanoseconds since `start`. The keys that were used least lately are forgotten first.
    times: Cache<u64, Arc<AtomicU64>>,
    start: Instant,
}

impl Limiter {
    /// Lets each key have `burst` events at once, and `per_second` in the long run. Remembers `capacity` keys.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32, capacity: usize) -> Self {
        let quota = Quota::new(per_second, burst);
        Self { quota, times: Cache::new(capacity), start: Instant::now() }
    }

    /// Counts an event of this key.
    ///
    /// # Errors
    /// How long to wait, if it is too early. The event does not count then.
    pub fn check(&self, key: u64) -> Result<(), Duration> {
        // 584 years fit.
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.check_at(key, now)
    }

    fn check_at(&self, key: u64, now: u64) -> Result<(), Duration> {
        let new = || Ok::<_, Infallible>(Arc::new(AtomicU64::new(0)));
        let Ok(time) = self.times.get_or_insert_with(&key, new);
        // One number is the whole state, so that no order with other memory matters.
        time.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |time| self.quota.after(time, now))
            .map(drop)
            .map_err(|time| self.quota.wait(time, now))
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.times.len()
    }
}

/// A rate and a burst, as times in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Quota {
    /// The time between two events at a steady rate.
    interval: u64,
    /// How much too early an event may come: the time of a burst, without its first event.
    tolerance: u64,
}

impl Quota {
    fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = (NANOSECONDS / u64::from(per_second.get())).max(1);
        Self { interval, tolerance: interval.saturating_mul(u64::from(burst.get() - 1)) }
    }

    /// The time of the key after an event at `now`. `None` if it is too early for one. A key without events has the time 0.
    fn after(self, time: u64, now: u64) -> Option<u64> {
        let is_early = now < time.saturating_sub(self.tolerance);
        (!is_early).then(|| time.max(now).saturating_add(self.interval))
    }

    /// How long after `now` the next event may come.
    fn wait(self, time: u64, now: u64) -> Duration {
        Duration::from_nanos(time.saturating_sub(self.tolerance).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = NANOSECONDS;

    fn limiter(per_second: u32, burst: u32) -> Limiter {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        Limiter::new(number(per_second), number(burst), 100)
    }

    /// How many of 1000 events at that moment are let in.
    fn let_in(limiter: &Limiter, key: u64, now: u64) -> usize {
        (0..1000).filter(|_| limiter.check_at(key, now).is_ok()).count()
    }

    #[test]
    fn a_burst_is_exact_and_each_key_has_its_own() {
        let limiter = limiter(10, 20);

        assert_eq!(let_in(&limiter, 1, 0), 20);
        assert_eq!(let_in(&limiter, 2, 0), 20);
        assert_eq!(let_in(&limiter, 1, 0), 0);
    }

    #[test]
    fn time_brings_events_back_one_by_one_and_never_more_than_a_burst() {
        let limiter = limiter(10, 20);
        let interval = SECOND / 10;
        assert_eq!(let_in(&limiter, 1, 0), 20);

        assert_eq!(let_in(&limiter, 1, interval - 1), 0);
        assert_eq!(let_in(&limiter, 1, interval), 1);
        assert_eq!(let_in(&limiter, 1, 4 * interval), 3);
        assert_eq!(let_in(&limiter, 1, 24 * interval), 20);
        assert_eq!(let_in(&limiter, 1, 100 * 365 * 86_400 * SECOND), 20);
    }

    #[test]
    fn the_wait_is_until_the_next_event_and_waiting_so_long_is_enough() {
        let limiter = limiter(3, 2);
        let mut now = 7 * SECOND;
        assert_eq!(let_in(&limiter, 1, now), 2);

        for _ in 0..100 {
            let wait = limiter.check_at(1, now).expect_err("too early");
            let wait = u64::try_from(wait.as_nanos()).expect("a short time");
            assert!((1..=SECOND / 3).contains(&wait), "{wait}");
            assert!(limiter.check_at(1, now + wait - 1).is_err());
            now += wait;
            assert!(limiter.check_at(1, now).is_ok());
        }
    }

    #[test]
    fn refused_events_do_not_count() {
        let limiter = limiter(1, 1);
        assert!(limiter.check_at(1, 0).is_ok());

        assert_eq!(let_in(&limiter, 1, SECOND - 1), 0);

        assert!(limiter.check_at(1, SECOND).is_ok());
    }

    /// The same rule with a counter: a bucket of tokens that time fills.
    struct Bucket {
        level: u64,
        last: u64,
    }

    impl Bucket {
        fn lets_in(&mut self, now: u64, interval: u64, burst: u64) -> bool {
            self.level = (self.level + (now - self.last)).min(interval * burst);
            self.last = now;
            let is_in = self.level >= interval;
            self.level -= if is_in { interval } else { 0 };
            is_in
        }
    }

    #[test]
    fn it_decides_as_a_bucket_of_tokens_does() {
        // A generator of Marsaglia's (xorshift), so that a failure comes again.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        for (per_second, burst) in [(1, 1), (1, 100), (3, 7), (100, 200), (999_999_937, 2), (u32::MAX, 5)] {
            let limiter = limiter(per_second, burst);
            let (interval, burst) = (limiter.quota.interval, u64::from(burst));
            let mut bucket = Bucket { level: interval * burst, last: 0 };
            let mut now = 0;
            let mut let_in = 0;
            for _ in 0..20_000 {
                // Mostly faster than the rate, and sometimes after a long pause.
                now += if next(50) == 0 { next(2 * burst * interval + 1) } else { next(interval + 1) };
                let wanted = bucket.lets_in(now, interval, burst);
                assert_eq!(limiter.check_at(1, now).is_ok(), wanted, "{per_second} {burst} at {now}");
                let_in += u32::from(wanted);
            }
            assert!((1000..20_000).contains(&let_in), "{let_in} of 20,000 events");
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        for (per_second, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (u32::MAX, 1)] {
            let limiter = limiter(per_second, burst);
            for now in [0, u64::MAX - 1, u64::MAX] {
                assert!(limiter.check_at(now, now).is_ok(), "{per_second} {burst} at {now}");
            }
        }
        assert_eq!(limiter(1, 1).quota.wait(u64::MAX, 0), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_clock_that_another_thread_has_read_a_little_earlier_gives_no_event_back() {
        let limiter = limiter(10, 3);
        let (now, earlier) = (5 * SECOND, 5 * SECOND - 1000);

        let outcomes = [now, earlier, earlier, now].map(|now| limiter.check_at(1, now));

        assert_eq!(outcomes, [Ok(()), Ok(()), Err(Duration::from_nanos(1000)), Ok(())]);
        assert_eq!(let_in(&limiter, 1, now), 0);
    }

    #[test]
    fn threads_that_ask_at_the_same_time_share_one_burst() {
        let limiter = limiter(1, 500);

        let let_in: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| let_in(&limiter, 1, 0))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });

        assert_eq!(let_in, 500);
    }
}
