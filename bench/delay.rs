//! Stands between a server and PostgreSQL, and makes PostgreSQL further away:
//!
//! ```text
//! delay LISTEN_PORT DATABASE_PORT MICROSECONDS_EACH_WAY [--in-turn]
//! ```
//!
//! Whatever arrives is handed on as much later, however much it is: a longer wire, not a thinner one.
//!
//! With `--in-turn` it also holds back each statement until the answer to the one before has arrived where the statement
//! comes from. On the wire that is a server that awaits each statement before it sends the next: where statements come without
//! a Sync between them, a Flush makes PostgreSQL answer.
//!
//! Threads, because they can wait for half a millisecond: tokio's timers count whole ones.

use std::env;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Octets, and when they arrive at the other end.
type Late = (Instant, Vec<u8>);

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let mut number = || words.next().ok_or("delay LISTEN_PORT DATABASE_PORT MICROSECONDS [--in-turn]");
    let (listen, database) = (number()?.parse()?, number()?.parse()?);
    let delay = Duration::from_micros(number()?.parse()?);
    let in_turn = words.next().is_some_and(|word| word == "--in-turn");

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, listen))?;
    for client in listener.incoming() {
        // A connection that fails ends; the others go on.
        let _ = connect(client?, database, delay, in_turn);
    }
    Ok(())
}

fn connect(client: TcpStream, database: u16, delay: Duration, in_turn: bool) -> io::Result<()> {
    let database = TcpStream::connect((Ipv4Addr::LOCALHOST, database))?;
    client.set_nodelay(true)?;
    database.set_nodelay(true)?;

    let (requests, due_requests) = channel();
    let (answers, due_answers) = channel();
    let (answered, due_turns) = channel();
    let (mut from_client, mut from_database) = (client.try_clone()?, database.try_clone()?);
    thread::spawn(move || {
        let _ = match in_turn {
            true => receive_in_turn(&mut from_client, &requests, &due_turns, delay),
            false => receive(&mut from_client, &requests, delay),
        };
    });
    thread::spawn(move || deliver(database, &due_requests, None));
    thread::spawn(move || receive(&mut from_database, &answers, delay));
    thread::spawn(move || deliver(client, &due_answers, in_turn.then_some(answered)));
    Ok(())
}

/// Takes whatever comes, and says when it is due. Ends with the connection.
fn receive(from: &mut TcpStream, to: &Sender<Late>, delay: Duration) -> Option<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).ok().filter(|read| *read > 0)?;
        to.send((Instant::now() + delay, buffer.get(..read)?.to_vec())).ok()?;
    }
}

/// Hands on what is due. At the end it closes the connection, so that the other threads of it end as well.
fn deliver(mut to: TcpStream, due: &Receiver<Late>, answered: Option<Sender<u8>>) {
    let mut answers = Answers::default();
    for (at, octets) in due {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&octets).is_err() {
            break;
        }
        if let Some(answered) = &answered {
            for tag in answers.tags(&octets) {
                let _ = answered.send(tag);
            }
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Takes one group of messages after the other, each up to its Execute or its Sync, and the next only when PostgreSQL's
/// answer to the one before has been delivered.
fn receive_in_turn(
    from: &mut TcpStream,
    to: &Sender<Late>,
    answered: &Receiver<u8>,
    delay: Duration,
) -> Option<()> {
    let mut from = io::BufReader::with_capacity(64 * 1024, from);
    to.send((Instant::now() + delay, message(&mut from, false)?)).ok()?; // the first has no tag
    let mut next = message(&mut from, true)?;
    // What answers a demand for a password takes no turn.
    while next.first() == Some(&b'p') {
        to.send((Instant::now() + delay, std::mem::take(&mut next))).ok()?;
        next = message(&mut from, true)?;
    }
    wait_for(b"Z", answered)?;

    let mut failed = false;
    loop {
        let mut group = Vec::new();
        // Execute; Sync, a simple query, and the end of the connection.
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
        // After a failure PostgreSQL says nothing until the Sync.
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

/// The first answer that has one of these tags.
fn wait_for(wanted: &[u8], answered: &Receiver<u8>) -> Option<u8> {
    answered.iter().find(|tag| wanted.contains(tag))
}

/// A message of the protocol (PostgreSQL manual, "Message Formats"): a tag, a length that counts itself, the rest.
fn message(from: &mut impl Read, tagged: bool) -> Option<Vec<u8>> {
    let mut head = vec![0; if tagged { 5 } else { 4 }];
    from.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(*head.last_chunk()?) as usize;
    let begun = head.len();
    head.resize(begun + length.checked_sub(4)?, 0);
    from.read_exact(head.get_mut(begun..)?).ok()?;
    Some(head)
}

/// Follows the messages of PostgreSQL through octets that come in any portions.
#[derive(Default)]
struct Answers {
    head: Vec<u8>,
    /// How much of the present message is still to come.
    rest: usize,
}

impl Answers {
    /// The tags of the messages that begin in these octets. (Those that are waited for are so short that they end there as
    /// well, but for a portion cut within them.)
    fn tags(&mut self, mut octets: &[u8]) -> Vec<u8> {
        let mut tags = Vec::new();
        while !octets.is_empty() {
            if self.rest > 0 {
                let (_, after) = octets.split_at(self.rest.min(octets.len()));
                self.rest -= octets.len() - after.len();
                octets = after;
                continue;
            }
            let (more, after) = octets.split_at((5 - self.head.len()).min(octets.len()));
            self.head.extend(more);
            octets = after;
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
