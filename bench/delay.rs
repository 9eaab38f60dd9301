//! A proxy between a server and PostgreSQL that makes PostgreSQL further away:
//!
//! ```text
//! delay LISTEN_PORT DATABASE_PORT MICROSECONDS_EACH_WAY [--one-at-a-time]
//! ```
//!
//! All data is forwarded with that delay, whatever its amount: latency grows, bandwidth does not shrink.
//!
//! With `--one-at-a-time` it also holds each statement back until the server has got the answer to the statement before. So
//! the server behaves like one that does not pipeline. Where there is no Sync between statements, the proxy adds a Flush,
//! which makes PostgreSQL answer.
//!
//! It uses threads, since they can sleep for half a millisecond: tokio's timers have a resolution of one.

use std::env;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes, and the time at which they are due at the other end.
type Delayed = (Instant, Vec<u8>);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let usage = "usage: delay LISTEN_PORT DATABASE_PORT MICROSECONDS_EACH_WAY [--one-at-a-time]";
    let mut number = || arguments.next().ok_or(usage);
    let (listen, database) = (number()?.parse()?, number()?.parse()?);
    let delay = Duration::from_micros(number()?.parse()?);
    let one_at_a_time = arguments.next().is_some_and(|argument| argument == "--one-at-a-time");

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, listen))?;
    for client in listener.incoming() {
        // A connection that fails does not end the others.
        let _ = connect(client?, database, delay, one_at_a_time);
    }
    Ok(())
}

fn connect(client: TcpStream, database: u16, delay: Duration, one_at_a_time: bool) -> io::Result<()> {
    let database = TcpStream::connect((Ipv4Addr::LOCALHOST, database))?;
    client.set_nodelay(true)?;
    database.set_nodelay(true)?;

    let (requests, due_requests) = channel();
    let (answers, due_answers) = channel();
    let (answered, due_tags) = channel();
    let (mut from_client, mut from_database) = (client.try_clone()?, database.try_clone()?);
    thread::spawn(move || {
        let _ = match one_at_a_time {
            true => receive_one_at_a_time(&mut from_client, &requests, &due_tags, delay),
            false => receive(&mut from_client, &requests, delay),
        };
    });
    thread::spawn(move || deliver(database, &due_requests, None));
    thread::spawn(move || receive(&mut from_database, &answers, delay));
    thread::spawn(move || deliver(client, &due_answers, one_at_a_time.then_some(answered)));
    Ok(())
}

/// Reads bytes, and sends them on with the time at which they are due. Ends with the connection.
fn receive(from: &mut TcpStream, to: &Sender<Delayed>, delay: Duration) -> Option<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).ok().filter(|read| *read > 0)?;
        to.send((Instant::now() + delay, buffer.get(..read)?.to_vec())).ok()?;
    }
}

/// Writes bytes when they are due. At its end it closes the connection, so that the connection's other threads end too.
fn deliver(mut to: TcpStream, due: &Receiver<Delayed>, answered: Option<Sender<u8>>) {
    let mut answers = Answers::default();
    for (at, bytes) in due {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
        if let Some(answered) = &answered {
            for tag in answers.tags(&bytes) {
                let _ = answered.send(tag);
            }
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Sends on one group of messages after another, each up to an Execute or a Sync. A group waits until PostgreSQL's answer to
/// the group before has been delivered.
fn receive_one_at_a_time(
    from: &mut TcpStream,
    to: &Sender<Delayed>,
    answered: &Receiver<u8>,
    delay: Duration,
) -> Option<()> {
    let mut from = io::BufReader::with_capacity(64 * 1024, from);
    to.send((Instant::now() + delay, message(&mut from, false)?)).ok()?; // the startup message has no tag
    let mut next = message(&mut from, true)?;
    // Password messages are sent on at once: they come before the first statement.
    while next.first() == Some(&b'p') {
        to.send((Instant::now() + delay, std::mem::take(&mut next))).ok()?;
        next = message(&mut from, true)?;
    }
    wait_for(b"Z", answered)?;

    let mut failed = false;
    loop {
        let mut group = Vec::new();
        // A group ends with Execute, Sync, a simple query or Terminate.
        let last = loop {
            let tag = *next.first()?;
            group.append(&mut next);
            if matches!(tag, b'S' | b'Q' | b'X') {
                break tag;
            }
            next = message(&mut from, true)?;
            if tag == b'E' && next.first() != Some(&b'S') {
                break tag;
            }
        };
        if last == b'E' {
            group.extend(b"H\0\0\0\x04");
        }
        to.send((Instant::now() + delay, group)).ok()?;
        // After an error PostgreSQL answers nothing until the Sync.
        if last != b'E' {
            wait_for(b"Z", answered)?; // ReadyForQuery
            failed = false;
        } else if !failed {
            failed = wait_for(b"CE", answered)? == b'E'; // CommandComplete, ErrorResponse
        }
        if next.is_empty() {
            next = message(&mut from, true)?;
        }
    }
}

/// Waits for an answer with one of these tags.
fn wait_for(wanted: &[u8], answered: &Receiver<u8>) -> Option<u8> {
    answered.iter().find(|tag| wanted.contains(tag))
}

/// One message of the protocol (PostgreSQL manual, "Message Formats"): a tag, a length that includes itself, and the body.
fn message(from: &mut impl Read, tagged: bool) -> Option<Vec<u8>> {
    let mut head = vec![0; if tagged { 5 } else { 4 }];
    from.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(*head.last_chunk()?) as usize;
    let body_start = head.len();
    head.resize(body_start + length.checked_sub(4)?, 0);
    from.read_exact(head.get_mut(body_start..)?).ok()?;
    Some(head)
}

/// Finds the messages of PostgreSQL in bytes that arrive in portions of any length.
#[derive(Default)]
struct Answers {
    head: Vec<u8>,
    /// The number of bytes of the current message that are still to come.
    rest: usize,
}

impl Answers {
    /// The tags of the messages whose heads end in these bytes. (The messages that matter here are so short that they nearly
    /// always end in them too.)
    fn tags(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut tags = Vec::new();
        while !bytes.is_empty() {
            if self.rest > 0 {
                let (_, after) = bytes.split_at(self.rest.min(bytes.len()));
                self.rest -= bytes.len() - after.len();
                bytes = after;
                continue;
            }
            let (more, after) = bytes.split_at((5 - self.head.len()).min(bytes.len()));
            self.head.extend(more);
            bytes = after;
            if let [tag, length @ ..] = self.head.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                tags.push(*tag);
                self.rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                self.head.clear();
            }
        }
        tags
    }
}
