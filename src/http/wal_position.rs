//! `X-Rowkeep-Position`: what a client has seen of the database, so that its next read shows no older state.
//!
//! Only where replicas serve reads. A client sends back the last one that it got. After requests that overlap it sends those of
//! all of them: positions are encrypted, so it cannot tell which is the latest. Whatever it sends, no answer is older than what
//! it has seen: a position that cannot be read sends the request to the primary, as the word `primary` does. A 400 would stop
//! every client of a server whose key was replaced, and a position costs a client that makes one up nothing but the replica.

use std::sync::{Arc, OnceLock};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::App;
use super::response::Response;
use crate::auth::UserId;
use crate::cursor::Cursors;
use crate::session::{Freshness, Seen};

pub(super) const POSITION: HeaderName = HeaderName::from_static("x-rowkeep-position");

/// What a client sends to read from the primary, and gets where it is not known what its request has changed.
const PRIMARY: &str = "primary";

/// How many positions a request may have, those of requests that overlapped: the latest counts.
const MAX_POSITIONS: usize = 8;

/// What the request of a user has seen. The handler fills it, the middleware puts it into the response.
#[derive(Clone, Default)]
pub(super) struct PositionSlot(Arc<OnceLock<Filled>>);

struct Filled {
    app: App,
    user: UserId,
    seen: Arc<Seen>,
}

impl PositionSlot {
    /// Begins to take down what a request with these headers sees.
    pub(super) fn begin(&self, app: &App, user: &UserId, headers: &HeaderMap) -> Arc<Seen> {
        let cursors = app.database().ok().map(|database| &database.cursors);
        let seen = Arc::new(Seen::wanting(wanted(headers, user, cursors)));
        let _ = self.0.set(Filled { app: app.clone(), user: user.clone(), seen: seen.clone() });
        seen
    }

    /// Adds what the request has seen to its response. An error says nothing: a 404 must not tell one task from another.
    pub(super) fn add_to(&self, response: &mut Response) {
        let Some(Filled { app, user, seen }) = self.0.get() else { return };
        let reached = match seen.reached() {
            Freshness::At(position) if response.status().is_success() => {
                let cursors = app.database().ok().map(|database| &database.cursors);
                cursors.and_then(|cursors| cursors.encrypt_wal_position(position, user))
            }
            Freshness::Newest => None,
            _ => return,
        };
        let value = reached.and_then(|text| HeaderValue::try_from(text).ok());
        response.headers_mut().insert(POSITION, value.unwrap_or(HeaderValue::from_static(PRIMARY)));
    }
}

/// How fresh the reads of a request with these headers must be.
fn wanted(headers: &HeaderMap, user: &UserId, cursors: Option<&Cursors>) -> Freshness {
    let values = headers.get_all(POSITION).iter();
    let positions = values.flat_map(|value| value.to_str().unwrap_or(PRIMARY).split(','));
    let positions: Vec<_> = positions.map(str::trim).take(MAX_POSITIONS + 1).collect();
    if positions.len() > MAX_POSITIONS {
        return Freshness::Newest;
    }
    let freshness = |text: &str| {
        let position = cursors.and_then(|cursors| cursors.decrypt_wal_position(text, user));
        position.map_or(Freshness::Newest, Freshness::At)
    };
    positions.into_iter().map(freshness).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::WalPosition;

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_str(value).expect("a value"));
        values.map(|value| (POSITION, value)).collect()
    }

    #[test]
    fn the_latest_of_several_positions_counts_and_one_that_cannot_be_read_asks_for_the_primary() {
        let cursors = Cursors::new(&[1; 32]).expect("a key of 32 bytes");
        let (alice, bob) = (UserId::from("alice"), UserId::from("bob"));
        let position = |timeline, lsn| WalPosition { timeline, lsn };
        let of = |user, position| cursors.encrypt_wal_position(position, user).expect("a position");
        let old = of(&alice, position(1, 900));
        let new = of(&alice, position(2, 10));
        let of_bob = of(&bob, position(2, 10));
        let both = format!("{new}, {old}");
        let wanted = |values: &[&str]| wanted(&headers(values), &alice, Some(&cursors));

        assert_eq!(wanted(&[]), Freshness::Any);
        assert_eq!(wanted(&[&old]), Freshness::At(position(1, 900)));
        for values in [&[old.as_str(), &new][..], &[&both]] {
            assert_eq!(wanted(values), Freshness::At(position(2, 10)), "{values:?}");
        }
        let many = [old.as_str(); MAX_POSITIONS + 1].join(",");
        for value in ["primary", "", "x", "0", &of_bob, &format!("{old}, x"), &format!("{old},"), &many] {
            assert_eq!(wanted(&[value]), Freshness::Newest, "{value:?}");
        }
    }
}
