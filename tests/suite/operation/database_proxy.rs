//! A proxy between the server and PostgreSQL. It records the server's messages, and can delay messages and answers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::overload::eventually;
use crate::world::{Database, cluster};

/// A message of the frontend/backend protocol (PostgreSQL manual, "Message Formats"), as the server under test sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `P` Parse, `B` Bind, `E` Execute, `S` Sync, `Q` a simple query. (Terminate is not recorded.)
    pub kind: char,
    /// The SQL of a Parse or a simple query, or of the statement that a Bind names.
    pub sql: String,
}

#[derive(Default)]
struct State {
    messages: Mutex<Vec<Message>>,
    syncs: AtomicUsize,
    logins: AtomicUsize,
    /// Answers wait until this many Syncs have been sent.
    syncs_before_answers: AtomicUsize,
    /// Messages after this many Syncs wait; none: no message waits.
    sync_limit: Mutex<Option<usize>>,
    /// How many messages wait for that.
    held_messages: AtomicUsize,
    /// Whether a connection is closed when Postgres answers its COMMIT. Other connections work as always.
    cuts_commits: AtomicBool,
    /// Whether new connections are accepted and get no answer.
    silent: AtomicBool,
    /// Whether new connections wait until they are forwarded.
    held: AtomicBool,
    /// For each connection, whether it gets no more answers.
    silenced: Mutex<Vec<Arc<AtomicBool>>>,
}

/// Listens on loopback, over TCP.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    /// In front of the cluster of this run.
    pub async fn start() -> Self {
        Self::to(cluster().await.socket_directory()).await
    }

    /// In front of the server that has its socket in this directory.
    pub async fn to(sockets: &Path) -> Self {
        let socket = sockets.join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();

        tokio::spawn(accept(listener, socket, state.clone()));
        Self { address, state }
    }

    /// The address of `database` through this proxy.
    pub fn url(&self, database: &Database, login: &str) -> String {
        self.url_of(&database.url(login))
    }

    /// The address of a database through this proxy, of which this is the direct one.
    pub fn url_of(&self, direct: &str) -> String {
        let (_, rest) = direct.split_once("port=5432").expect("a port");
        format!("host=127.0.0.1 port={} sslmode=disable{rest}", self.address.port())
    }

    /// Clears the record. From now on no answer passes before `syncs` Syncs have been sent.
    pub fn withhold_answers_until(&self, syncs: usize) {
        self.clear();
        self.state.syncs_before_answers.store(syncs, Ordering::SeqCst);
    }

    /// Clears the record. From now on messages pass up to the Sync with this number; later ones wait.
    pub fn lets_through(&self, syncs: usize) {
        self.clear();
        *self.state.sync_limit.lock().expect("no poison") = Some(syncs);
    }

    /// Waits until the server has sent a message that waits. A server that has not could still take another connection.
    pub async fn holds_a_message(&self) {
        eventually("the server has sent more", async || self.state.held_messages.load(Ordering::SeqCst) > 0)
            .await;
    }

    /// Ends the waiting of messages.
    pub fn lets_everything_through(&self) {
        *self.state.sync_limit.lock().expect("no poison") = None;
    }

    fn clear(&self) {
        self.state.messages.lock().expect("no poison").clear();
        self.state.syncs.store(0, Ordering::SeqCst);
    }

    /// The messages that the server has sent since the record was cleared.
    pub fn messages(&self) -> Vec<Message> {
        self.state.messages.lock().expect("no poison").clone()
    }

    /// Whether a connection that sends a COMMIT ends without an answer, after Postgres has committed.
    pub fn cuts_commits(&self, cuts: bool) {
        self.state.cuts_commits.store(cuts, Ordering::SeqCst);
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many logins have begun. An SSLRequest alone begins none.
    pub fn logins(&self) -> usize {
        self.state.logins.load(Ordering::SeqCst)
    }

    /// From now on no connection gets an answer, and none is closed.
    pub fn falls_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
        for silenced in self.state.silenced.lock().expect("no poison").iter() {
            silenced.store(true, Ordering::SeqCst);
        }
    }

    /// From now on the connections that are open get no answer, and new ones wait until the proxy speaks again, as where a
    /// network loses packets for a while.
    pub fn holds_new_connections_and_silences_others(&self) {
        self.state.held.store(true, Ordering::SeqCst);
        for silenced in self.state.silenced.lock().expect("no poison").iter() {
            silenced.store(true, Ordering::SeqCst);
        }
    }

    /// New connections work again; those that fell silent stay silent.
    pub fn speaks_again(&self) {
        self.state.silent.store(false, Ordering::SeqCst);
        self.state.held.store(false, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let silenced = Arc::new(AtomicBool::new(state.silent.load(Ordering::SeqCst)));
        state.silenced.lock().expect("no poison").push(silenced.clone());
        let (socket, state) = (socket.clone(), state.clone());
        tokio::spawn(async move {
            while state.held.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if let Ok(server) = UnixStream::connect(socket).await {
                forward(client, server, state, silenced).await;
            }
        });
    }
}

async fn forward(client: TcpStream, server: UnixStream, state: Arc<State>, silenced: Arc<AtomicBool>) {
    client.set_nodelay(true).expect("a socket");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();

    let cut = Arc::new(AtomicBool::new(false));
    let answers = tokio::spawn({
        let (state, silenced, cut) = (state.clone(), silenced.clone(), cut.clone());
        async move {
            let (mut buffer, mut swallowed) = (vec![0; 64 * 1024], Vec::new());
            while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                if cut.load(Ordering::SeqCst) {
                    // The answer can arrive in pieces.
                    swallowed.extend_from_slice(&buffer[..read]);
                    if swallowed.windows(7).any(|bytes| bytes == b"COMMIT\0") {
                        break;
                    }
                    continue;
                }
                let withheld = || {
                    silenced.load(Ordering::SeqCst)
                        || state.syncs.load(Ordering::SeqCst)
                            < state.syncs_before_answers.load(Ordering::SeqCst)
                };
                while withheld() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                if to_client.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown().await;
        }
    });

    let mut statements = HashMap::new();
    let mut tagged = false; // the first message (startup) has no tag
    while let Some((tag, body)) = read_message(&mut from_client, tagged).await {
        let waits = || {
            let limit = *state.sync_limit.lock().expect("no poison");
            limit.is_some_and(|limit| state.syncs.load(Ordering::SeqCst) >= limit)
        };
        if waits() {
            state.held_messages.fetch_add(1, Ordering::SeqCst);
            while waits() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            state.held_messages.fetch_sub(1, Ordering::SeqCst);
        }
        if !tagged && body.len() > 4 {
            state.logins.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(tag) = tag {
            let sql = record(&state, &mut statements, tag, &body);
            if sql.trim_end().ends_with("commit") && state.cuts_commits.load(Ordering::SeqCst) {
                cut.store(true, Ordering::SeqCst);
            }
        }
        let length = u32::try_from(body.len() + 4).expect("a short message").to_be_bytes();
        let whole: Vec<u8> = tag.into_iter().chain(length).chain(body).collect();
        if to_server.write_all(&whole).await.is_err() {
            break;
        }
        tagged = true;
    }
    // A network that forgets a connection does not tell Postgres that its client has gone.
    let is_out = || state.silent.load(Ordering::SeqCst) || state.held.load(Ordering::SeqCst);
    while silenced.load(Ordering::SeqCst) && is_out() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(to_server);
    if silenced.load(Ordering::SeqCst) {
        std::future::pending::<()>().await; // its client hears nothing, ever
    }
    answers.abort();
}

async fn read_message(from: &mut (impl AsyncRead + Unpin), tagged: bool) -> Option<(Option<u8>, Vec<u8>)> {
    let tag = if tagged { Some(from.read_u8().await.ok()?) } else { None };
    let length = from.read_u32().await.ok()? as usize;
    let mut body = vec![0; length.checked_sub(4)?];
    from.read_exact(&mut body).await.ok()?;
    Some((tag, body))
}

/// Records a message and returns its SQL.
fn record(state: &State, statements: &mut HashMap<String, String>, tag: u8, body: &[u8]) -> String {
    if tag == b'X' {
        return String::new(); // the connection of the checks at start can end at any moment
    }
    let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let mut next = || texts.next().unwrap_or_default();
    let sql = match tag {
        b'P' => {
            let (name, sql) = (next(), next());
            statements.insert(name, sql.clone());
            sql
        }
        b'B' => {
            let (_portal, name) = (next(), next());
            statements.get(&name).cloned().unwrap_or_default()
        }
        b'Q' => next(),
        _ => String::new(),
    };
    state.messages.lock().expect("no poison").push(Message { kind: char::from(tag), sql: sql.clone() });
    if tag == b'S' {
        state.syncs.fetch_add(1, Ordering::SeqCst);
    }
    sql
}
