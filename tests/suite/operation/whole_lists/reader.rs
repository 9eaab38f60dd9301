//! A client of a list: a test decides how much it reads, and when.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::operation::raw_client::head;

/// More time than any of this takes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The client's receive buffer, in bytes: small, so that the server notices soon that the client does not read.
const RECEIVE_BUFFER: u32 = 32 * 1024;

pub struct Reader {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What has arrived of an answer.
pub struct Received {
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body has its announced end.
    pub is_complete: bool,
}

#[derive(Deserialize)]
struct Task {
    id: i64,
}

impl Reader {
    /// Requests a list on a connection of its own, and reads nothing yet.
    pub async fn of(address: SocketAddr, path: &str, user: &str) -> Self {
        Self::accepting(address, path, user, "identity").await
    }

    /// The same, with an `Accept-Encoding`.
    pub async fn accepting(address: SocketAddr, path: &str, user: &str, codings: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("a small buffer");
        let mut stream = socket.connect(address).await.expect("a connection");
        let head = head("GET", path, user);
        let request = format!("{head}Accept-Encoding: {codings}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        Self { stream, read: Vec::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().expect("an address")
    }

    /// Reads this many bytes of the answer, or to its end.
    pub async fn reads(&mut self, bytes: usize) {
        let wanted = self.read.len() + bytes;
        while self.read.len() < wanted && self.reads_on().await {}
    }

    /// Reads the head and the beginning of the body: the server has sent the first page.
    pub async fn begins(&mut self) {
        while self.received().is_none_or(|received| received.body.is_empty()) && self.reads_on().await {}
    }

    /// Reads to the end of the connection.
    pub async fn ends(mut self) -> Received {
        while self.reads_on().await {}
        self.received().expect("an answer's head")
    }

    /// Reads once more. False at the end of the connection.
    pub async fn reads_on(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match timeout(TIMEOUT, self.stream.read(&mut buffer)).await.expect("the list goes on, or ends") {
            Ok(read @ 1..) => {
                self.read.extend_from_slice(&buffer[..read]);
                true
            }
            _ => false,
        }
    }

    /// What has arrived; none while the head is incomplete.
    pub fn received(&self) -> Option<Received> {
        let end = self.read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
        let rest = &self.read[end..];
        let (body, is_complete) = if head.contains("transfer-encoding: chunked") {
            decode_chunks(rest)
        } else {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            (rest.to_vec(), rest.len() == length)
        };
        Some(Received { head, body, is_complete })
    }
}

/// The body in these chunks, and whether the last chunk is there (RFC 9112, section 7.1).
fn decode_chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let size = std::str::from_utf8(&rest[..line]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        rest = &rest[line + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        let Some(next) = rest.get(size + 2..) else { return (body, false) };
        rest = next;
    }
}

impl Received {
    /// The ids in a complete list, in its order.
    pub fn ids(&self) -> Vec<i64> {
        assert!(self.head.starts_with("http/1.1 200"), "{}", self.head);
        assert!(self.is_complete, "the list broke off after {} bytes", self.body.len());
        let tasks: Vec<Task> = serde_json::from_slice(&self.body).expect("a list");
        tasks.iter().map(|task| task.id).collect()
    }

    /// Asserts that no client can take it for a complete list.
    pub fn assert_incomplete(&self) {
        assert!(self.head.starts_with("http/1.1 200"), "{}", self.head);
        assert!(!self.body.is_empty(), "there is no first page");
        assert!(!self.is_complete, "the body has its end: {} bytes", self.body.len());
        assert!(
            serde_json::from_slice::<serde_json::Value>(&self.body).is_err(),
            "a part of the list is valid JSON"
        );
    }
}
