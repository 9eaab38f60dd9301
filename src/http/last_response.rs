//! Responses that the server writes without hyper, because it has no request. Each is the last one on its connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::response;
use super::server::MAX_HEAD_BYTES;
use crate::time_limit::within;

/// How long the server reads and discards what a client still sends, so that the client can read the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// How much the server reads and discards, in bytes.
const MAX_LINGER_BYTES: usize = 16 * 1024 * 1024;

/// A response to a client whose request has not arrived, or cannot be read.
#[derive(Clone, Copy)]
pub(super) struct LastResponse {
    /// The status, and its headers.
    status: &'static str,
    detail: &'static str,
}

/// To a connection beyond the limit.
pub(super) const TOO_MANY_CONNECTIONS: LastResponse = LastResponse {
    status: "503 Service Unavailable\r\nretry-after: 1",
    detail: response::TOO_MANY_CONNECTIONS,
};

/// To a head or a body that did not arrive in time. hyper only closes the connection.
pub(super) const TOO_SLOW: LastResponse = LastResponse {
    status: "408 Request Timeout",
    detail: "The request took too long to arrive: send it again.",
};

/// To a request that has not arrived completely when the server stops.
pub(super) const SHUTTING_DOWN: LastResponse = LastResponse {
    status: "503 Service Unavailable\r\nretry-after: 1",
    detail: "The server is shutting down. Nothing was changed: send the request again.",
};

const LINE_TOO_LONG: LastResponse = LastResponse {
    status: "414 URI Too Long",
    detail: "The request line is too long: send 32 KiB at most, with all headers.",
};

const HEAD_TOO_LARGE: LastResponse = LastResponse {
    status: "431 Request Header Fields Too Large",
    detail: "The head of the request is too large: send 32 KiB and 100 headers at most. Large cookies are a common cause.",
};

const NOT_HTTP: LastResponse = LastResponse {
    status: "400 Bad Request",
    detail: "The request is not well-formed HTTP/1.1: compare its first lines with RFC 9112.",
};

/// To a head that hyper cannot parse. `unread` is what has arrived of it.
pub(super) fn unreadable(error: &hyper::Error, unread: &[u8]) -> LastResponse {
    match error.is_parse_too_large() {
        true if !unread.iter().take(MAX_HEAD_BYTES).any(|byte| *byte == b'\n') => LINE_TOO_LONG,
        true => HEAD_TOO_LARGE,
        false => NOT_HTTP,
    }
}

impl LastResponse {
    /// The status code, for the log and for metrics.
    pub(super) fn status(self) -> u16 {
        self.status.split(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }

    fn text(self, id: &str) -> String {
        let Self { status, detail } = self;
        let body = format!(r#"{{"detail":"{detail}"}}"#);
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\nx-request-id: {id}\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    }

    /// Sends the response without waiting, which works unless the client has sent much already.
    pub(super) fn send_at_once(self, stream: TcpStream, id: &str) {
        let _ = stream.try_read(&mut [0; 4096]);
        let _ = stream.try_write(self.text(id).as_bytes());
    }
}

/// Sends the last response, if there is one, and closes the sending side. Then reads and discards for a moment: if the server
/// closed the whole connection while the client still sends, the client could lose the response (RFC 9112, section 9.6).
pub(super) async fn finish(mut stream: TcpStream, last: Option<LastResponse>, id: &str) {
    let text = last.map(|last| last.text(id)).unwrap_or_default();
    let _ = within(LINGER_TIMEOUT, async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        let mut buffer = vec![0; 16 * 1024];
        let mut discarded = 0;
        while discarded < MAX_LINGER_BYTES {
            match stream.read(&mut buffer).await? {
                0 => break,
                read => discarded += read,
            }
        }
        io::Result::Ok(())
    })
    .await;
}
