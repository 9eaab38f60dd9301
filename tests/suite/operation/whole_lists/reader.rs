//! A client of a list that reads as much as it likes, when it likes.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::operation::raw::head;

/// Longer than anything here takes: what takes longer hangs.
const HANGS: Duration = Duration::from_secs(300);

/// What of an answer may be on its way to a client that does not read it, as far as the client's system has a say.
const WINDOW: u32 = 32 * 1024;

pub struct Reader {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What came until the connection ended.
pub struct Told {
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body came to its announced end.
    pub is_whole: bool,
}

#[derive(Deserialize)]
struct Task {
    id: i64,
}

impl Reader {
    /// Asks for a list on a connection that ends with it, and reads nothing yet.
    pub async fn of(address: SocketAddr, path: &str, user: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(WINDOW).expect("a small window");
        let mut stream = socket.connect(address).await.expect("a connection");
        let request = format!("{}Connection: close\r\n\r\n", head("GET", path, user));
        stream.write_all(request.as_bytes()).await.expect("a request");
        Self { stream, read: Vec::new() }
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().expect("an address")
    }

    /// Reads as much as this, head and all, or to the end.
    pub async fn reads(&mut self, bytes: usize) {
        let wanted = self.read.len() + bytes;
        while self.read.len() < wanted && self.reads_on().await {}
    }

    /// Reads the head and something of the body: the first page is out.
    pub async fn begins(&mut self) {
        while self.told().is_none_or(|told| told.body.is_empty()) && self.reads_on().await {}
    }

    /// Reads whatever still comes.
    pub async fn ends(mut self) -> Told {
        while self.reads_on().await {}
        self.told().expect("an answer's head")
    }

    /// Reads what comes next; false: nothing does.
    pub async fn reads_on(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match timeout(HANGS, self.stream.read(&mut buffer)).await.expect("the list goes on, or ends") {
            Ok(read @ 1..) => {
                self.read.extend_from_slice(&buffer[..read]);
                true
            }
            _ => false,
        }
    }

    /// What came so far, once it is a whole head.
    pub fn told(&self) -> Option<Told> {
        let end = self.read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
        let rest = &self.read[end..];
        let (body, is_whole) = if head.contains("transfer-encoding: chunked") {
            of_chunks(rest)
        } else {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            (rest.to_vec(), rest.len() == length)
        };
        Some(Told { head, body, is_whole })
    }
}

/// The body that these chunks make up, and whether the last of all is there (RFC 9112, section 7.1).
fn of_chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
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

impl Told {
    /// The ids of a list that is whole, in its order.
    pub fn ids(&self) -> Vec<i64> {
        assert!(self.head.starts_with("http/1.1 200"), "{}", self.head);
        assert!(self.is_whole, "the list broke off after {} bytes", self.body.len());
        let tasks: Vec<Task> = serde_json::from_slice(&self.body).expect("a list");
        tasks.iter().map(|task| task.id).collect()
    }

    /// That nobody can take it for a whole list.
    pub fn assert_broken(&self) {
        assert!(self.head.starts_with("http/1.1 200"), "{}", self.head);
        assert!(!self.body.is_empty(), "the first page was not there");
        assert!(!self.is_whole, "the body came to an end: {}", self.body.len());
        assert!(
            serde_json::from_slice::<serde_json::Value>(&self.body).is_err(),
            "a part is taken for a list"
        );
    }
}
