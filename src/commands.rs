//! What each command does.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http::header::{CONNECTION, HOST};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::audit;
use crate::auth::Verifier;
use crate::config::{Cli, Command, Config};
use crate::database::Address;
use crate::development::{self, Cluster, token};
use crate::http::{self as server, App};
use crate::session::Session;
use crate::{logging, schema, tasks};

/// Why the program ends without having done what it was told.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a development database may take to start, so that it can be stopped.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Runs the command that the program was started with.
///
/// # Errors
/// One error, for people, with everything they need to know.
pub fn run() -> Result<(), Failure> {
    // Once to know where this is, and then with what `.env` says.
    if Cli::parse().settings.in_development() {
        read_dotenv()?;
    }
    let cli = Cli::parse();
    let mut config = cli.settings.understand()?;
    logging::start(&config.log_filter, config.log_format);

    let runtime = Runtime::new()?;
    // There may be a name that is being resolved, or a file that hangs.
    let mut ending = config.shutdown_timeout;
    let outcome = match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => runtime.block_on(serve(&mut config, &mut ending)),
        Command::Migrate { reapply_policies } => {
            runtime.block_on(migrate(&config, reapply_policies, &mut ending))
        }
        Command::Audit => runtime.block_on(audit(&config, &mut ending)),
        Command::Token { user, lifetime } => print_token(&mut config, &user, lifetime),
        Command::Healthcheck => runtime.block_on(healthcheck(config.listen, 3 * config.request_timeout)),
    };
    runtime.shutdown_timeout(ending);
    outcome
}

/// Reads the checkout's `.env`, and none further up: that would be another project's. What is set in the environment
/// already stays.
fn read_dotenv() -> Result<(), Failure> {
    match dotenvy::from_path(development::checkout()?.join(".env")) {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(_, at)) => {
            Err(format!(".env: a line is not NAME=value, from character {at} on").into())
        }
        Err(error) => Err(format!(".env: {error}").into()),
    }
}

async fn serve(config: &mut Config, ending: &mut Duration) -> Result<(), Failure> {
    let mut stop = pin!(stop_signal()?);
    let listener = listen(config.listen).await?;
    let listening = listener.local_addr()?;
    allow_connections();

    let (cluster, app) = tokio::select! {
        started = start(config) => started?,
        () = &mut stop => {
            // A development database that is starting is waited for, and stopped, as the program ends.
            *ending = LONGEST_START;
            return Ok(());
        }
    };
    tracing::info!(address = %listening, "listening");
    if config.development {
        say_how_to_try(config, listening, cluster.as_ref());
    }
    server::serve(listener, app, config.origins.clone(), stop, config.shutdown_timeout).await;
    tracing::info!("stopped");

    // Dropping it stops the development database, which blocks.
    tokio::task::spawn_blocking(move || drop(cluster)).await?;
    Ok(())
}

/// Everything that requests need, and the development database if that is where they go.
async fn start(config: &mut Config) -> Result<(Option<Cluster>, App), Failure> {
    let (cluster, address) = database(config).await?;
    complete_secrets(config)?;
    if config.development {
        let migrating = config.migration_database.as_ref().unwrap_or(&address);
        schema::migrate(migrating, false).await?;
    }

    let ready = schema::ready_to_serve(&address).await?;
    warn_of_drift(&address).await;
    let session = Session::open(&address, &config.session, &tasks::QUESTIONS, ready.sentences).await?;
    tracing::info!(database = %address, "requests run restricted");
    let verifier = Verifier::new(&config.token_rules)?;
    verifier.read_key_sets().await?;
    Ok((cluster, App::new(verifier, session, ready.cursors, config.request_timeout)))
}

/// What an audit would fail, without trying anything. What requests depend on is proved when the session opens: the rest
/// is for whoever reads the log, and no reason not to serve.
async fn warn_of_drift(address: &Address) {
    match audit::examine(address).await {
        Ok(report) => {
            for fact in report.failing() {
                tracing::warn!(fact, "`rowkeep audit` fails");
            }
        }
        Err(error) => tracing::warn!(%error, "the database cannot be audited"),
    }
}

async fn migrate(config: &Config, reapply_policies: bool, ending: &mut Duration) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let migrating = async {
        let (cluster, address) = database(config).await?;
        let address = config.migration_database.as_ref().unwrap_or(&address).clone();
        let done = schema::migrate(&address, reapply_policies).await?;
        Ok::<_, Failure>((cluster, address, done))
    };
    let (cluster, address, done) = tokio::select! {
        migrated = migrating => migrated?,
        () = stop => {
            // What is not committed is rolled back, and a development database is stopped.
            *ending = LONGEST_START;
            return Err("stopped before the database was migrated".into());
        }
    };

    let mut out = std::io::stdout().lock();
    for migration in &done.migrations {
        writeln!(out, "applied {migration}")?;
    }
    if done.policies {
        writeln!(out, "applied the policies")?;
    } else if done.migrations.is_empty() {
        writeln!(out, "nothing to do: {address} is up to date")?;
    }
    drop(out);
    tokio::task::spawn_blocking(move || drop(cluster)).await?;
    Ok(())
}

async fn audit(config: &Config, ending: &mut Duration) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let auditing = async {
        let (cluster, address) = database(config).await?;
        Ok::<_, Failure>((cluster, audit::audit(&address).await?))
    };
    let (cluster, report) = tokio::select! {
        audited = auditing => audited?,
        () = stop => {
            // What was tried is rolled back when the connection ends, and a development database is stopped.
            *ending = LONGEST_START;
            return Err("stopped before the audit was done".into());
        }
    };

    writeln!(std::io::stdout(), "{report}")?;
    tokio::task::spawn_blocking(move || drop(cluster)).await?;
    match report.fails() {
        0 => Ok(()),
        1 => Err("1 FAIL".into()),
        fails => Err(format!("{fails} FAIL").into()),
    }
}

fn print_token(config: &mut Config, user: &str, lifetime: u64) -> Result<(), Failure> {
    if !config.development {
        return Err("tokens are made in development only: elsewhere they come from your sign-in".into());
    }
    complete_secrets(config)?;
    let token = token::mint(&config.token_rules, user, lifetime)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

async fn healthcheck(listen: SocketAddr, patience: Duration) -> Result<(), Failure> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());

    let ask = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = ::http::Request::get("/health")
            .header(HOST, address.to_string())
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        Ok::<_, Failure>(sender.send_request(request).await?.status())
    };
    match timeout(patience, ask).await {
        Ok(Ok(status)) if status.is_success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{address} is unhealthy: {status}").into()),
        Ok(Err(error)) => Err(format!("{address} does not answer: {error}").into()),
        Err(_) => Err(format!("{address} does not answer in time").into()),
    }
}

/// The configured database, or the development cluster's.
async fn database(config: &Config) -> Result<(Option<Cluster>, Address), Failure> {
    if let Some(address) = &config.database {
        return Ok((None, address.clone()));
    }
    let cluster = tokio::task::spawn_blocking(Cluster::of_checkout).await??;
    let address = cluster.database().await?;
    Ok((Some(cluster), address))
}

/// In development a secret is made where no key of any kind is configured.
fn complete_secrets(config: &mut Config) -> Result<(), Failure> {
    if config.token_rules.secrets.is_empty() && config.token_rules.key_sets.is_empty() && config.development {
        config.token_rules.secrets.push(development::secret()?);
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; choose another place with HOST and PORT").into()
    })
}

/// Resolves when the program is told to stop: by ctrl-c, by SIGTERM, or because its terminal was closed.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        tracing::info!("told to stop");
    })
}

/// Each connection is a file, and many systems allow 1024 until somebody asks for more.
fn allow_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    const FILES: u64 = 8192;

    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < FILES) {
        limit.current = Some(limit.maximum.map_or(FILES, |maximum| maximum.min(FILES)));
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
}

fn say_how_to_try(config: &Config, listening: SocketAddr, cluster: Option<&Cluster>) {
    let program = std::env::args().next().unwrap_or_else(|| "rowkeep".into());
    let mut text = format!("\nRowkeep is ready at http://{listening}  (development; ctrl-c stops it)\n");
    match token::mint(&config.token_rules, "alice", 86_400.min(config.token_rules.max_lifetime)) {
        Ok(token) => text.push_str(&format!(
            "\na token for alice, valid for a day; others: {program} token --user bob\n\n  {token}\n\n\
             her tasks, over HTTP:\n\n  curl -H 'Authorization: Bearer {token}' http://{listening}/api/tasks\n"
        )),
        Err(_) => text.push_str(&format!(
            "\nyour tasks, over HTTP, with a token of your sign-in:\n\n  \
             curl -H \"Authorization: Bearer $TOKEN\" http://{listening}/api/tasks\n"
        )),
    }
    if let Some(cluster) = cluster {
        text.push_str(&format!(
            "\nthe same tasks, as the database sees them:\n\n  {} -c begin -c \"select app.identify('alice')\" \
             -c 'table app.tasks' -c rollback\n",
            psql(cluster)
        ));
    }
    // A closed standard output is no reason to stop serving.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn psql(cluster: &Cluster) -> String {
    let in_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join("psql").is_file()));
    let program = if in_path { "psql".into() } else { cluster.programs().path("psql") };
    let word = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let program = if in_path { program.display().to_string() } else { word(&program) };
    format!("{program} -h {} -p 5432 -U postgres -d rowkeep", word(cluster.socket_directory()))
}
