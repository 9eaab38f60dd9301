//! Rate limits: for the requests of each user, and for the failed sign-ins of each client address. And one for the lines in
//! the log about refused requests of an address, and about slow ones.

mod gcra;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use self::gcra::Limiter;
use super::client_address::client_network;
use crate::auth::UserId;
use crate::refusal::{RateLimited, Refusal};

/// How many users are remembered, and how many addresses: about 5 MB each. Those who sent nothing for longest are forgotten
/// first, which only gives them a new burst.
const CAPACITY: usize = 50_000;

/// How many refused requests of an address have a line in the log each second, and how many more at once.
const LINES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN;
const LINES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// The limits of a server.
pub struct RateLimits {
    /// A key is a hash under a random seed: long user ids take no more memory, and nobody can choose two equal keys.
    seed: RandomState,
    /// None: any number of requests.
    requests: Option<Limits>,
    lines: Limiter,
    /// How many lines about refused requests were left out since the last one.
    left_out: AtomicU64,
    /// The same about slow requests.
    slow_left_out: AtomicU64,
}

struct Limits {
    per_second: NonZeroU32,
    users: Limiter,
    failures: Limiter,
}

impl RateLimits {
    /// Lets each user send `per_second` requests, with bursts of twice as many, and each address fail as often to sign in.
    /// 0 means no limits.
    pub fn new(per_second: u32) -> Self {
        let requests = NonZeroU32::new(per_second).map(|per_second| {
            let limiter = || Limiter::new(per_second, per_second.saturating_add(per_second.get()), CAPACITY);
            Limits { per_second, users: limiter(), failures: limiter() }
        });
        let lines = Limiter::new(LINES_PER_SECOND, LINES_AT_ONCE, CAPACITY);
        let (left_out, slow_left_out) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { seed: RandomState::new(), requests, lines, left_out, slow_left_out }
    }

    /// Counts a request of this user.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`] if it is too early for another one.
    pub fn count_request(&self, user: &UserId) -> Result<(), Refusal> {
        let key = self.seed.hash_one(user.as_str());
        self.requests.as_ref().map_or(Ok(()), |limits| limits.count(&limits.users, "user", key))
    }

    /// Counts a failed sign-in from this address. A valid token never counts: many users can share an address.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`] if it is too early for another one.
    pub fn count_failure(&self, client: IpAddr) -> Result<(), Refusal> {
        let key = self.seed.hash_one(client_network(client));
        self.requests.as_ref().map_or(Ok(()), |limits| limits.count(&limits.failures, "address", key))
    }

    /// Whether a refused request from this address has a line in the log: how many lines were left out since the last one,
    /// or `None`.
    pub fn admit_line(&self, client: IpAddr) -> Option<u64> {
        self.admit(self.seed.hash_one(client_network(client)), &self.left_out)
    }

    /// The same about a slow request. All clients share this limit: where the database is slow, every request is.
    pub fn admit_slow_line(&self) -> Option<u64> {
        self.admit(self.seed.hash_one("slow requests"), &self.slow_left_out)
    }

    fn admit(&self, key: u64, left_out: &AtomicU64) -> Option<u64> {
        if self.lines.check(key).is_err() {
            left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(left_out.swap(0, Ordering::Relaxed))
    }
}

impl Limits {
    fn count(&self, limiter: &Limiter, policy: &'static str, key: u64) -> Result<(), Refusal> {
        let refusal =
            |wait| Refusal::TooManyRequests(RateLimited { policy, per_second: self.per_second.get(), wait });
        limiter.check(key).map_err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_addresses_take_bounded_memory() {
        let limits = RateLimits::new(1);
        for address in 0..1_000_000_u32 {
            assert!(limits.count_failure(IpAddr::V4(address.into())).is_ok());
        }

        let remembered = limits.requests.expect("limits").failures.len();

        assert!(remembered <= CAPACITY, "{remembered} addresses");
    }

    #[test]
    fn an_address_that_is_refused_thousands_of_times_has_few_lines_in_the_log_and_the_next_says_how_many_are_missing()
     {
        let limits = RateLimits::new(0);
        let (client, other) = (IpAddr::from([203, 0, 113, 7]), IpAddr::from([203, 0, 113, 8]));

        let lines = (0..5000).filter(|_| limits.admit_line(client).is_some()).count();

        assert!((100..110).contains(&lines), "{lines} lines");
        assert_eq!(limits.admit_line(other), Some(5000 - lines as u64));
        assert_eq!(limits.admit_line(other), Some(0));
    }

    #[test]
    fn an_address_that_goes_on_failing_is_not_forgotten_among_a_million_others() {
        let limits = RateLimits::new(1);
        let stubborn = IpAddr::from([203, 0, 113, 7]);
        let mut refused = 0;
        for address in 0..1_000_000_u32 {
            let _ = limits.count_failure(IpAddr::V4(address.into()));
            if address % 1000 == 0 {
                refused += u32::from(limits.count_failure(stubborn).is_err());
            }
        }

        assert!(refused > 900, "{refused} of 1000 are refused");
    }

    #[test]
    fn a_burst_is_twice_the_rate_and_the_wait_is_until_the_next_request() {
        let limits = RateLimits::new(10);
        let client = IpAddr::from([203, 0, 113, 7]);
        let outcomes: Vec<_> = (0..21).map(|_| limits.count_failure(client)).collect();

        assert!(outcomes.iter().take(20).all(Result::is_ok), "{outcomes:?}");
        assert!(
            matches!(outcomes.last(), Some(Err(Refusal::TooManyRequests(RateLimited { policy: "address", per_second: 10, wait })))
                if *wait <= std::time::Duration::from_millis(100)),
            "{outcomes:?}"
        );
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_client_and_without_a_limit_nothing_is_refused() {
        let limits = RateLimits::new(1);
        let address = |text: &str| text.parse().expect("an address");

        assert!(limits.count_failure(address("2001:db8::1")).is_ok());
        assert!(limits.count_failure(address("2001:db8::2")).is_ok());
        assert!(limits.count_failure(address("2001:db8::3")).is_err());
        assert!(limits.count_failure(address("2001:db8:0:1::3")).is_ok());
        assert!((0..100).all(|_| RateLimits::new(0).count_failure(address("::1")).is_ok()));
    }
}
