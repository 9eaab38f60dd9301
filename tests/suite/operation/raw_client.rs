//! An HTTP client on a TCP connection: a test decides which bytes it sends, when, and how much it reads.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More time than any of this takes.
const TIMEOUT: Duration = Duration::from_secs(60);

pub struct RawClient {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: String,
}

impl RawClient {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, unread: Vec::new() }
    }

    /// A connection on which `text` was sent.
    pub async fn sending(address: SocketAddr, text: impl AsRef<[u8]>) -> Self {
        let mut client = Self::open(address).await;
        assert!(client.sends(text).await, "cannot send");
        client
    }

    /// Sends `text` on a connection that may break at any moment. Returns the answer, if one came.
    pub async fn exchange(stream: TcpStream, text: String) -> Option<Reply> {
        let mut client = Self { stream, unread: Vec::new() };
        client.sends(text).await;
        timeout(TIMEOUT, client.next_reply()).await.expect("an answer, or the end")
    }

    /// Sends `text`. False if the connection is closed.
    pub async fn sends(&mut self, text: impl AsRef<[u8]>) -> bool {
        let sent = timeout(TIMEOUT, self.stream.write_all(text.as_ref())).await;
        sent.expect("the server takes it or closes").is_ok()
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().expect("an address")
    }

    /// Sends a byte every 100 ms until the server closes the connection.
    pub async fn drips_until_it_is_closed(&mut self) {
        let drips = async {
            let mut buffer = [0; 1024];
            loop {
                let _ = self.stream.write_all(b"x").await;
                match timeout(Duration::from_millis(100), self.stream.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => return,
                    Ok(Ok(read)) => self.unread.extend_from_slice(&buffer[..read]),
                    Err(_) => {}
                }
            }
        };
        timeout(TIMEOUT, drips).await.expect("the server closes a connection that drips");
    }

    /// Says after a moment that nothing more will be sent.
    pub async fn shuts_down_after(&mut self, moment: Duration) {
        tokio::time::sleep(moment).await;
        let _ = self.stream.shutdown().await;
    }

    /// Everything until the server closes the connection.
    pub async fn reads_to_the_end(&mut self) -> String {
        let everything = async {
            let mut buffer = [0; 16 * 1024];
            while let Ok(read @ 1..) = self.stream.read(&mut buffer).await {
                self.unread.extend_from_slice(&buffer[..read]);
            }
        };
        timeout(TIMEOUT, everything).await.expect("the connection ends");
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// The next answer. It must have a Content-Length.
    pub async fn reads(&mut self) -> Reply {
        let reply = timeout(TIMEOUT, self.next_reply()).await.expect("an answer comes");
        reply.expect("an answer, not the end")
    }

    /// The next answer; none if the connection ends before it is complete.
    pub async fn next_reply(&mut self) -> Option<Reply> {
        loop {
            if let Some((reply, length)) = parse(&self.unread) {
                self.unread.drain(..length);
                return Some(reply);
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer).await {
                Ok(read @ 1..) => self.unread.extend_from_slice(&buffer[..read]),
                _ => return None,
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1)?.parse().expect("a status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    let body = bytes.get(end..end + length)?;
    Some((Reply { status, head, body: String::from_utf8_lossy(body).into_owned() }, end + length))
}

/// A complete request of `user`, with a body unless it is empty.
pub fn request(method: &str, path: &str, user: &str, body: &str) -> String {
    let head = head(method, path, user);
    if body.is_empty() {
        return format!("{head}\r\n");
    }
    format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The first lines of a request of `user`, without the empty line that ends the head.
pub fn head(method: &str, path: &str, user: &str) -> String {
    let token = crate::world::token(user);
    format!("{method} {path} HTTP/1.1\r\nHost: rowkeep.test\r\nAuthorization: Bearer {token}\r\n")
}
