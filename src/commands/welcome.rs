//! The text that `rowkeep serve` prints in development: lines to copy into a terminal.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::auth::TokenRules;
use crate::config::{Config, default};
use crate::database::Address;
use crate::development::token;
use crate::development::{Cluster, shell_quoted};

/// The user of the token that is printed.
const USER: &str = "alice";

/// What to print once the server is ready.
///
/// It has a token only if Rowkeep made the secret itself: a configured secret can be the one of another environment, and the
/// text can end up in a log.
pub(super) fn text(
    config: &Config,
    listening: SocketAddr,
    cluster: Option<&Cluster>,
    database: &Address,
    secret_is_own: bool,
) -> String {
    let (rules, url) = (&config.token_rules, format!("http://{}", reachable(listening)));
    let mut text = format!(
        "\nRowkeep is ready at {url}  (development; ctrl-c stops it)\n\n\
         the API, to read and to try in a browser:\n\n  {url}/docs\n"
    );
    let lifetime = token::default_lifetime(rules);
    let minted = secret_is_own.then(|| token::mint(rules, USER, lifetime));
    let user = match minted {
        Some(Ok(token)) => {
            text.push_str(&format!(
                "\na token for the user {USER}, valid for {lifetime} seconds; for another user: {} --user bob\n\n  {token}\n\n\
                 {USER}'s tasks, over HTTP:\n\n  curl -H 'Authorization: Bearer {token}' {url}/api/tasks\n",
                token_command(rules)
            ));
            USER
        }
        _ => {
            let source = match rules.secrets() {
                Some(_) => format!("your sign-in, or from {} --user {USER}", token_command(rules)),
                None => "your sign-in server".into(),
            };
            text.push_str(&format!(
                "\nyour tasks, over HTTP, with a token from {source}:\n\n  \
                 curl -H \"Authorization: Bearer $TOKEN\" {url}/api/tasks\n"
            ));
            "USER_ID"
        }
    };
    let psql = match cluster {
        Some(cluster) => psql_of(cluster),
        None => format!("psql -d {}", shell_quoted(database.for_libpq())),
    };
    let whose =
        if user == USER { "the same tasks, in the database" } else { "a user's tasks, in the database" };
    text.push_str(&format!(
        "\n{whose}:\n\n  {psql} -c begin -c \"select app.identify('{user}')\" -c 'table app.tasks' -c rollback\n"
    ));
    text
}

/// Prints it in a thread of its own: the server goes on when its standard output is closed, or is a pipe that nobody reads.
pub(super) fn print(text: String) {
    std::thread::spawn(move || {
        let _ = writeln!(std::io::stdout(), "{text}");
    });
}

/// An address to connect to. One to listen on can stand for every address of this machine.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// `rowkeep token`, with the settings about claims that this server has: without them it makes tokens that this server refuses.
fn token_command(rules: &TokenRules) -> String {
    let program =
        std::env::args_os().next().unwrap_or_else(|| "rowkeep".into()).to_string_lossy().into_owned();
    let default = (default::JWT_USER_CLAIM, default::JWT_MAX_LIFETIME);
    // Where there are other sources, the values name theirs.
    let claim = |name, values: Option<&Vec<String>>| {
        let of = if rules.sources.len() > 1 { "BETTER_AUTH_SECRET=" } else { "" };
        values.filter(|values| !values.is_empty()).map(|values| (name, format!("{of}{}", values.join(","))))
    };
    let source = rules.secrets().map(|(source, _)| source);
    let settings = [
        claim("JWT_ISSUER", source.map(|source| &source.issuers)),
        claim("JWT_AUDIENCE", source.map(|source| &source.audiences)),
        (rules.user_claim != default.0).then(|| ("JWT_USER_CLAIM", rules.user_claim.clone())),
        (rules.max_lifetime != default.1).then(|| ("JWT_MAX_LIFETIME", rules.max_lifetime.to_string())),
    ];
    let settings = settings.iter().flatten().map(|(name, value)| format!("{name}={} ", shell_quoted(value)));
    // Its default lifetime can be longer than this server allows.
    let lifetime = match rules.max_lifetime {
        allowed if allowed < token::DEFAULT_LIFETIME => format!(" --lifetime {allowed}"),
        _ => String::new(),
    };
    format!("{}{program} token{lifetime}", settings.collect::<String>())
}

fn psql_of(cluster: &Cluster) -> String {
    let in_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join("psql").is_file()));
    let program =
        if in_path { "psql".into() } else { shell_quoted(cluster.programs().path("psql").display()) };
    format!(
        "{program} -h {} -p 5432 -U postgres -d rowkeep",
        shell_quoted(cluster.socket_directory().display())
    )
}
