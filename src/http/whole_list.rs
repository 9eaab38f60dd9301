//! A list of any length as one JSON text, sent page by page as fast as the client reads.

use std::io;
use std::task::{Poll, ready};

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tracing::Instrument;
use warp::Reply;

use super::envelope::Envelope;
use super::response::{Response, append_json, as_json, json_text, owned};
use super::response_memory::{ResponseMemory, UNCOUNTED_BYTES};
use crate::refusal::Refusal;
use crate::session::Caller;
use crate::tasks::{self, Listing, Position, Status, Window};

/// The length of the first page, in tasks. Most users have fewer, so that one transaction is enough.
const FIRST_PAGE: usize = 100;

/// The shortest and the longest page after the first, in tasks, while there is memory. A task takes 200 bytes to 9 KB.
const SHORTEST_PAGE: usize = 20;
const LONGEST_PAGE: usize = 1000;

/// The length that a page after the first should have, in bytes of JSON. Two pages are in memory for a slow client.
const PAGE_BYTES: usize = 128 * 1024;

/// Responds with all tasks of the caller that have this status, newest first: an array, or an object with it and the number
/// of its tasks.
///
/// The first page is read before the status line is sent. Each later page is read when the page before it is on its way,
/// and only after the client has taken the one before that. So a slow client holds two pages and no connection to the
/// database. If a page fails, the connection to the client breaks, so that it never takes a part for the whole list.
///
/// # Errors
/// The errors of the first page.
pub async fn whole_list(
    caller: Caller,
    status: Status,
    envelope: Option<&Envelope>,
    memory: &ResponseMemory,
) -> Result<Response, Refusal> {
    let user = caller.user().clone();
    let mut list = WholeList::new(caller, status, envelope.cloned(), memory.clone());
    let first = list.next_chunk().await?;
    if !first.has_more {
        return Ok(owned(json_text(first.json), &user));
    }

    let (sender, mut receiver) = mpsc::channel(1);
    // The channel has room for one chunk.
    let _ = sender.try_send(first);
    let send_rest = async move {
        match list.send_rest(&sender).await {
            Ok(()) => {}
            Err(Refusal::Busy(cause)) => {
                tracing::warn!(error.message = %cause, "a list ended before its last page");
            }
            Err(refusal) => {
                tracing::error!(error.message = ?refusal, "a list ended before its last page");
            }
        }
    };
    tokio::spawn(send_rest.in_current_span());

    // The body ends after the last page only. After a failure or a panic of the sender it ends with an error.
    let mut has_more = true;
    let chunks = stream::poll_fn(move |context| match ready!(receiver.poll_recv(context)) {
        Some(Chunk { json, has_more: more }) => {
            has_more = more;
            Poll::Ready(Some(Ok(json)))
        }
        None if has_more => {
            has_more = false;
            Poll::Ready(Some(Err(io::Error::other("the list ended before its last page"))))
        }
        None => Poll::Ready(None),
    });
    Ok(owned(as_json(warp::reply::stream(chunks).into_response()), &user))
}

/// A part of the JSON text, and whether more parts follow.
struct Chunk {
    json: Bytes,
    has_more: bool,
}

/// A list that is read page by page. Each page is a transaction of its own, and none is open in between.
struct WholeList {
    caller: Caller,
    listing: Listing,
    envelope: Option<Envelope>,
    memory: ResponseMemory,
    /// The position after the last page that was read; `None` before the first.
    after: Option<Position>,
    /// How many tasks were read so far.
    count: usize,
    /// The length of the next page, in tasks.
    limit: usize,
    /// The largest length of the next page. It falls when the memory is used up, and doubles with each page.
    max_limit: usize,
}

impl WholeList {
    fn new(caller: Caller, status: Status, envelope: Option<Envelope>, memory: ResponseMemory) -> Self {
        Self {
            caller,
            listing: Listing::newest_first(status),
            envelope,
            memory,
            after: None,
            count: 0,
            limit: FIRST_PAGE,
            max_limit: LONGEST_PAGE,
        }
    }

    /// Sends the remaining pages, each as soon as the client has taken the one before. Stops if the client disconnects.
    async fn send_rest(&mut self, client: &mpsc::Sender<Chunk>) -> Result<(), Refusal> {
        loop {
            let Ok(slot) = client.reserve().await else { return Ok(()) };
            let chunk = self.next_chunk().await?;
            let has_more = chunk.has_more;
            slot.send(chunk);
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Reads the next page and turns it into its part of the JSON text. The first part has the opening bracket, each other
    /// part begins with a comma. Only the last part has the closing bracket, and the number of tasks. Reads a shorter page
    /// instead if this one does not fit into the memory; one that is not counted always does.
    async fn next_chunk(&mut self) -> Result<Chunk, Refusal> {
        loop {
            let window = Window { after: self.after.clone(), limit: self.limit as i64, offset: 0 };
            let page = tasks::page(&self.caller, &self.listing, window).await?;
            let tasks = page.tasks()?;
            let is_first = self.after.is_none();
            let envelope = self.envelope.as_ref();
            let beginning = envelope.filter(|_| is_first).map(Envelope::beginning);
            let mut json = beginning.unwrap_or_default().into_bytes();
            append_json(&mut json, &tasks);
            self.limit = (PAGE_BYTES * tasks.len().max(1) / json.len()).clamp(SHORTEST_PAGE, LONGEST_PAGE);

            // The page is an array of its own: its brackets are replaced or dropped.
            if let Some(bracket) = json.first_mut().filter(|_| !is_first) {
                *bracket = b',';
            }
            let count = self.count + tasks.len();
            if page.has_more {
                json.pop();
            } else if let Some(envelope) = envelope {
                json.extend(envelope.end(count, None).into_bytes());
            }
            if tasks.is_empty() && !is_first {
                // The remaining tasks have been deleted in the meantime.
                json.remove(0);
            }

            let json = match self.memory.reserve(json, self.caller.user()) {
                Ok(json) => json,
                Err(json) if tasks.len() > 1 => {
                    let uncounted = tasks.len() * UNCOUNTED_BYTES / json.len();
                    self.limit = uncounted.clamp(1, tasks.len() - 1);
                    self.max_limit = self.limit;
                    continue;
                }
                Err(json) => json.into(),
            };
            self.max_limit = (2 * self.max_limit).min(LONGEST_PAGE);
            self.limit = self.limit.min(self.max_limit);
            self.count = count;
            if let Some(last) = tasks.last() {
                self.after = Some(self.listing.position(last));
            }
            return Ok(Chunk { json, has_more: page.has_more });
        }
    }
}
