//! A list of any length as one JSON array: sent page by page, as fast as the client reads.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tracing::Instrument;
use warp::Reply;

use super::answer::{Response, ok, to_json, with};
use crate::refusal::Refusal;
use crate::tasks::{Page, Pages};

/// Answers all of `pages`.
///
/// The first page is there before the status goes out. Each of the others is asked for when the one before it is on its
/// way, and none while the client has yet to read one: a slow client holds one page that is being sent and the next, and
/// no connection to the database. What fails half-way breaks the connection, so that nobody takes a part for the whole.
///
/// # Errors
/// Those of the first page.
pub async fn whole_list(mut pages: Pages) -> Result<Response, Refusal> {
    let first = pages.next().await?;
    if !first.goes_on {
        return Ok(ok(&first.tasks()?));
    }

    let (client, mut receiver) = mpsc::channel(1);
    let head = chunk(&first, &mut pages, b"[")?;
    // There is room for one.
    let _ = client.try_send(Ok(head));
    let rest = async move {
        if let Err(refusal) = send(pages, &client).await {
            tracing::warn!(cause = ?refusal, "a list broke off");
            let _ = client.send(Err(io::Error::other("the list broke off"))).await;
        }
    };
    tokio::spawn(rest.in_current_span());

    let chunks = stream::poll_fn(move |context| receiver.poll_recv(context));
    let response = warp::reply::stream(chunks).into_response();
    Ok(with(response, CONTENT_TYPE, HeaderValue::from_static("application/json")))
}

/// Sends the pages that are left, each as soon as the one before it has been taken; stops when nobody takes it.
async fn send(mut pages: Pages, client: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), Refusal> {
    loop {
        let Ok(place) = client.reserve().await else { return Ok(()) };
        let page = pages.next().await?;
        place.send(Ok(chunk(&page, &mut pages, b",")?));
        if !page.goes_on {
            return Ok(());
        }
    }
}

/// The part of the array that a page is: what stands before its first task, the tasks, and the end of the array behind the
/// last of all.
fn chunk(page: &Page, pages: &mut Pages, before: &[u8]) -> Result<Bytes, Refusal> {
    let tasks = page.tasks()?;
    let array = to_json(&tasks);
    // Without the brackets of the page.
    let inner = array.get(1..array.len().saturating_sub(1)).unwrap_or_default();
    pages.adapt(tasks.len(), inner.len());

    let mut chunk = Vec::with_capacity(inner.len() + 2);
    // A page is empty when what was left has been deleted in the meantime.
    if !inner.is_empty() {
        chunk.extend_from_slice(before);
        chunk.extend_from_slice(inner);
    }
    if !page.goes_on {
        chunk.push(b']');
    }
    Ok(chunk.into())
}
