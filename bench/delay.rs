//! Stands between a server and PostgreSQL, and makes PostgreSQL further away:
//!
//! ```text
//! delay LISTEN_PORT DATABASE_PORT MICROSECONDS_EACH_WAY [--in-turn]
//! ```
//!
//! Whatever arrives is handed on as much later, however much it is: a longer wire, not a thinner one.
//!
//! With `--in-turn` it also holds back each statement until the answer to the one before has arrived where the statement
//! comes from. On the wire that is a server that awaits each statement before it sends the next.
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
    let (ready, readied) = channel();
    let (mut from_client, mut from_database) = (client.try_clone()?, database.try_clone()?);
    thread::spawn(move || {
        let _ = match in_turn {
            true => receive_in_turn(&mut from_client, &requests, &readied, delay),
            false => receive(&mut from_client, &requests, delay),
        };
    });
    thread::spawn(move || deliver(database, &due_requests, None));
    thread::spawn(move || receive(&mut from_database, &answers, delay));
    thread::spawn(move || deliver(client, &due_answers, in_turn.then_some(ready)));
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
fn deliver(mut to: TcpStream, due: &Receiver<Late>, ready: Option<Sender<()>>) {
    let mut answers = Answers::default();
    for (at, octets) in due {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.write_all(&octets).is_err() {
            break;
        }
        if let Some(ready) = &ready {
            for _ in 0..answers.ready(&octets) {
                let _ = ready.send(());
            }
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Takes one group of messages after the other, each up to its Sync, and the next only when PostgreSQL's ReadyForQuery
/// for the one before has been delivered.
fn receive_in_turn(
    from: &mut TcpStream,
    to: &Sender<Late>,
    ready: &Receiver<()>,
    delay: Duration,
) -> Option<()> {
    let mut from = io::BufReader::with_capacity(64 * 1024, from);
    let mut group = message(&mut from, false)?; // the first has no tag, and is answered by ReadyForQuery as well
    loop {
        to.send((Instant::now() + delay, std::mem::take(&mut group))).ok()?;
        let mut last = b'p';
        // What answers a demand for a password takes no turn.
        while last == b'p' {
            let next = message(&mut from, true)?;
            last = *next.first()?;
            match last {
                b'p' => to.send((Instant::now() + delay, next)).ok()?,
                _ => group = next,
            }
        }
        // Sync, a simple query, and the end of the connection.
        while !matches!(last, b'S' | b'Q' | b'X') {
            let next = message(&mut from, true)?;
            last = *next.first()?;
            group.extend(next);
        }
        ready.recv().ok()?;
    }
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
    /// How many ReadyForQuery begin in these octets. (They end there as well, but for a portion cut within their six.)
    fn ready(&mut self, mut octets: &[u8]) -> usize {
        let mut count = 0;
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
                count += usize::from(*tag == b'Z');
                self.rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                self.head.clear();
            }
        }
        count
    }
}
