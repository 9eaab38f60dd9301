//! What goes over the wire between the server and PostgreSQL: a proxy that reads it, and can withhold the answers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::world::{Database, cluster};

/// A message of the frontend/backend protocol (PostgreSQL manual, "Message Formats"), as the server under test sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `P` Parse, `B` Bind, `E` Execute, `S` Sync, `Q` a simple query. (Terminate is not
    /// kept.)
    pub kind: char,
    /// The SQL that a Bind refers to, or that a Parse or a simple query brings.
    pub sql: String,
}

#[derive(Default)]
struct State {
    messages: Mutex<Vec<Message>>,
    syncs: AtomicUsize,
    /// The answers wait until this many Syncs have been sent.
    wanted: AtomicUsize,
    /// What comes after this many Syncs is not sent on; none: all is.
    gate: Mutex<Option<usize>>,
    /// New connections are accepted, and nothing is said on them.
    silent: AtomicBool,
    /// For each connection, whether nothing is said on it any more.
    silenced: Mutex<Vec<Arc<AtomicBool>>>,
}

/// Stands between the server and PostgreSQL, over TCP on loopback.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    pub async fn start() -> Self {
        let socket = cluster().await.socket_directory().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<State>::default();

        tokio::spawn(accept(listener, socket, state.clone()));
        Self { address, state }
    }

    /// An address of `database` by way of this proxy.
    pub fn url(&self, database: &Database, login: &str) -> String {
        let direct = database.url(login);
        let (_, rest) = direct.split_once("port=5432").expect("a port");
        format!("host=127.0.0.1 port={} sslmode=disable{rest}", self.address.port())
    }

    /// Forgets what was sent. From now on no answer gets through before `syncs` Syncs have been sent.
    pub fn withhold_answers_until(&self, syncs: usize) {
        self.forgets();
        self.state.wanted.store(syncs, Ordering::SeqCst);
    }

    /// Forgets what was sent. PostgreSQL gets to see this many Syncs, and what comes later waits.
    pub fn lets_through(&self, syncs: usize) {
        self.forgets();
        *self.state.gate.lock().expect("no poison") = Some(syncs);
    }

    /// What waits gets to PostgreSQL, and whatever comes.
    pub fn lets_everything_through(&self) {
        *self.state.gate.lock().expect("no poison") = None;
    }

    fn forgets(&self) {
        self.state.messages.lock().expect("no poison").clear();
        self.state.syncs.store(0, Ordering::SeqCst);
    }

    /// What the server has sent since then.
    pub fn messages(&self) -> Vec<Message> {
        self.state.messages.lock().expect("no poison").clone()
    }

    /// From now on PostgreSQL says nothing, on any connection, and closes none.
    pub fn falls_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
        for silenced in self.state.silenced.lock().expect("no poison").iter() {
            silenced.store(true, Ordering::SeqCst);
        }
    }

    /// New connections are served again; those that fell silent stay so.
    pub fn speaks_again(&self) {
        self.state.silent.store(false, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let silenced = Arc::new(AtomicBool::new(state.silent.load(Ordering::SeqCst)));
        state.silenced.lock().expect("no poison").push(silenced.clone());
        let (socket, state) = (socket.clone(), state.clone());
        tokio::spawn(async move {
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

    let answers = tokio::spawn({
        let (state, silenced) = (state.clone(), silenced.clone());
        async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                let withheld = || {
                    silenced.load(Ordering::SeqCst)
                        || state.syncs.load(Ordering::SeqCst) < state.wanted.load(Ordering::SeqCst)
                };
                while withheld() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                if to_client.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        }
    });

    let mut statements = HashMap::new();
    let mut tagged = false; // the first message has no tag
    while let Some((tag, body)) = read_message(&mut from_client, tagged).await {
        let waits = || {
            let gate = *state.gate.lock().expect("no poison");
            gate.is_some_and(|gate| state.syncs.load(Ordering::SeqCst) >= gate)
        };
        while waits() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if let Some(tag) = tag {
            note(&state, &mut statements, tag, &body);
        }
        let length = u32::try_from(body.len() + 4).expect("a short message").to_be_bytes();
        let whole: Vec<u8> = tag.into_iter().chain(length).chain(body).collect();
        if to_server.write_all(&whole).await.is_err() {
            break;
        }
        tagged = true;
    }
    drop(to_server);
    answers.abort();
}

async fn read_message(from: &mut (impl AsyncRead + Unpin), tagged: bool) -> Option<(Option<u8>, Vec<u8>)> {
    let tag = if tagged { Some(from.read_u8().await.ok()?) } else { None };
    let length = from.read_u32().await.ok()? as usize;
    let mut body = vec![0; length.checked_sub(4)?];
    from.read_exact(&mut body).await.ok()?;
    Some((tag, body))
}

fn note(state: &State, statements: &mut HashMap<String, String>, tag: u8, body: &[u8]) {
    if tag == b'X' {
        return; // the connection of the start, which ends whenever it is noticed
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
    state.messages.lock().expect("no poison").push(Message { kind: char::from(tag), sql });
    if tag == b'S' {
        state.syncs.fetch_add(1, Ordering::SeqCst);
    }
}
