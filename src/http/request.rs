//! The parts of a request that a handler gets, except the body. Nothing of them is trusted yet.

#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;

use std::convert::Infallible;
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::header::HeaderMap;
use percent_encoding::percent_decode_str;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::client_address;
use super::envelope::Envelopes;
use super::pace::Pace;
use super::response_memory::ResponseMemory;
use super::wal_position::PositionSlot;
use crate::auth::UserId;
use crate::cursor::Cursors;
use crate::metrics::RequestTimes;
use crate::refusal::{Refusal, TokenProblem};
use crate::session::Caller;
use crate::tasks::Status;

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// What the lines of a request in the log share.
#[derive(Clone)]
pub(super) struct LogEntry {
    route: Option<&'static str>,
    is_left_out: Arc<AtomicBool>,
}

impl LogEntry {
    pub(super) fn of_route(route: Option<&'static str>, is_left_out: bool) -> Self {
        Self { route, is_left_out: Arc::new(AtomicBool::new(is_left_out)) }
    }

    /// The template of its route, if it has one.
    pub(super) fn route(&self) -> Option<&'static str> {
        self.route
    }

    /// Whether the log leaves out its line: its client is refused very often.
    pub(super) fn is_left_out(&self) -> bool {
        self.is_left_out.load(Ordering::Relaxed)
    }
}

/// A request without its body.
pub struct Call {
    app: App,
    headers: HeaderMap,
    query: String,
    /// The decoded parameters, as soon as one was asked for.
    parameters: OnceLock<Vec<(String, String)>>,
    peer: Option<Peer>,
    client: Option<Arc<Pace>>,
    log_entry: Option<LogEntry>,
    times: Option<Arc<RequestTimes>>,
    /// Where it is taken down what the request has seen, if replicas serve reads.
    position: Option<PositionSlot>,
}

/// Extracts a [`Call`]. Matches every request.
///
/// Boxed, because the types of all routes contain this one: without the box the crate takes 40 % longer to compile.
pub fn call(app: &App) -> BoxedFilter<(Call,)> {
    let app = app.clone();
    let query = warp::query::raw().or_else(|_| ready(Ok::<_, Infallible>((String::new(),))));

    warp::header::headers_cloned()
        .and(query)
        .and(warp::ext::optional())
        .and(warp::ext::optional())
        .and(warp::ext::optional())
        .and(warp::ext::optional())
        .and(warp::ext::optional())
        .map(move |headers, query, peer, client, log_entry, times, position| {
            let parameters = OnceLock::new();
            Call { app: app.clone(), headers, query, parameters, peer, client, log_entry, times, position }
        })
        .boxed()
}

impl Call {
    /// Verifies the token and returns its user, if that user has not sent too many requests.
    ///
    /// # Errors
    /// [`Refusal::NoToken`] and [`Refusal::InvalidToken`], or [`Refusal::TooManyRequests`] for a user, or for an address
    /// that had too many of the former. All are logged with the client's address.
    pub async fn caller(&self) -> Result<Caller, Refusal> {
        let user = self.user().await?;
        Ok(self.caller_as(user))
    }

    /// Like [`Call::caller`], for a path that names the user.
    ///
    /// # Errors
    /// As [`Call::caller`]; [`Refusal::OtherUser`] if the path names another user, which is logged, too.
    pub async fn caller_in_path(&self, path_user: &PathUser) -> Result<Caller, Refusal> {
        let user = self.user().await?;
        if path_user.0.as_deref() != Some(user.as_str()) {
            self.warn(403, "other_user", "the path names another user than the token");
            self.count(&Refusal::OtherUser);
            return Err(Refusal::OtherUser);
        }
        Ok(self.caller_as(user))
    }

    /// Queries are refused until the database was reached. What a request can be refused for without it comes first.
    fn caller_as(&self, user: UserId) -> Caller {
        let session = self.app.database().ok().map(|database| database.session.clone());
        let seen = self.position.as_ref().map(|slot| slot.begin(&self.app, &user, &self.headers));
        let caller = Caller::new(session, user).with_times(self.times.clone());
        match seen {
            Some(seen) => caller.with_seen(seen),
            None => caller,
        }
    }

    fn count(&self, refusal: &Refusal) {
        if let Some(metrics) = &self.app.metrics {
            metrics.refused(refusal);
        }
    }

    async fn user(&self) -> Result<UserId, Refusal> {
        let limits = &self.app.rate_limits;
        let verified = self.app.verifier.user(&self.headers).await.inspect_err(|refusal| self.count(refusal));
        let counted = match verified {
            Ok(user) => limits.count_request(&user).map(|()| user),
            Err(refusal) => Err(limits.count_failure(self.client()).err().unwrap_or(refusal)),
        };
        counted.inspect_err(|refusal| match refusal {
            Refusal::NoToken(text) => self.warn(401, TokenProblem::Missing.word(), text),
            Refusal::InvalidToken { problem, text } => self.warn(401, problem.word(), text),
            Refusal::TooManyRequests(limited) => {
                self.count(refusal);
                let text = format!("the rate limit of this {} is exceeded", limited.policy);
                self.warn(429, limited.word(), &text);
            }
            _ => {}
        })
    }

    /// # Errors
    /// [`Refusal::Busy`] if the database was not reached yet: it holds the key.
    pub fn cursors(&self) -> Result<&Cursors, Refusal> {
        Ok(&self.app.database()?.cursors)
    }

    /// The memory for responses to this request.
    pub fn response_memory(&self) -> ResponseMemory {
        self.app.response_memory.for_client(self.client.clone())
    }

    pub fn envelopes(&self) -> &Envelopes {
        &self.app.envelopes
    }

    /// The decoded value of a query parameter. If it is there twice, the last one counts.
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        let (_, value) = self.parameters().iter().rfind(|(key, _)| key == name)?;
        Some(value.clone())
    }

    fn parameters(&self) -> &[(String, String)] {
        self.parameters
            .get_or_init(|| url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect())
    }

    /// The query parameter `status` of a list that has no other parameter.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it has another value than `all`, `pending` or `completed`.
    pub fn status(&self) -> Result<Status, Refusal> {
        self.status_among(&["status"])
    }

    /// The query parameter `status` of a list that has these parameters. In development the log names all others.
    ///
    /// # Errors
    /// As [`Call::status`].
    pub fn status_among(&self, known: &[&str]) -> Result<Status, Refusal> {
        self.warn_of_parameters_except(known);
        match self.query_parameter("status").as_deref() {
            None | Some("all") => Ok(Status::All),
            Some("pending") => Ok(Status::Pending),
            Some("completed") => Ok(Status::Completed),
            Some(_) => Err(Refusal::invalid("status must be all, pending or completed")),
        }
    }

    fn warn_of_parameters_except(&self, known: &[&str]) {
        let Some(limit) = &self.app.unknown_parameters else { return };
        for (name, _) in self.parameters() {
            if !known.contains(&name.as_str())
                && let Some(parameter) = limit.admit(name.as_bytes())
            {
                let known = known.join(", ");
                tracing::warn!(
                    rowkeep.parameter = parameter,
                    rowkeep.known_parameters = known,
                    "a list ignores a query parameter that it does not know"
                );
            }
        }
    }

    /// The client's address, as trusted proxies say it. Unspecified (`0.0.0.0`) if the request did not come over a socket.
    fn client(&self) -> IpAddr {
        let sender = self.peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| address.ip());
        self.app.trusted_proxies.client(sender, &self.headers)
    }

    /// Logs a refusal. `word` is one of few, for machines. `text` is for people, and repeats nothing of a token.
    ///
    /// Of a client that is refused very often, most lines are left out at the usual levels.
    fn warn(&self, status: u16, word: &'static str, text: &str) {
        let address = self.client();
        let port = self.peer.and_then(|Peer(peer)| client_address::port(peer, address));
        let route = self.log_entry.as_ref().and_then(LogEntry::route);
        let left_out = self.app.rate_limits.admit_line(address);
        // The macros need a level that the compiler knows.
        macro_rules! refused {
            ($log:ident) => {
                tracing::$log!(
                    http.response.status_code = status,
                    http.route = route,
                    client.address = %address,
                    client.port = port,
                    "error.type" = word,
                    event.reason = text,
                    rowkeep.left_out_lines = left_out.filter(|lines| *lines > 0),
                    "refused"
                )
            };
        }
        if left_out.is_some() {
            refused!(warn);
        } else {
            refused!(debug);
            if let Some(entry) = &self.log_entry {
                entry.is_left_out.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// The user in a path, percent-decoded once; `None` if the segment cannot be decoded.
pub struct PathUser(Option<String>);

impl FromStr for PathUser {
    type Err = ();

    /// Refuses `v1` and `tasks`: these paths belong to the other contracts.
    fn from_str(segment: &str) -> Result<Self, ()> {
        let escapes_are_complete = segment.split('%').skip(1).all(|rest| {
            rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        });
        let decoded = percent_decode_str(segment).decode_utf8().ok().filter(|_| escapes_are_complete);

        match decoded.as_deref() {
            Some("v1" | "tasks") => Err(()),
            decoded => Ok(Self(decoded.map(str::to_owned))),
        }
    }
}

/// Reads the task id in a path.
///
/// # Errors
/// [`Refusal::NotFound`] for everything but a canonical positive decimal up to 2^63-1: no task can have another id.
pub fn task_id(segment: &str) -> Result<i64, Refusal> {
    let is_canonical = segment.bytes().all(|byte| byte.is_ascii_digit()) && !segment.starts_with('0');
    match segment.parse() {
        Ok(id) if is_canonical => Ok(id),
        _ => Err(Refusal::NotFound),
    }
}
