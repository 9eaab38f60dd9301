//! The text that `rowkeep serve` prints in development: lines to copy into a terminal.

use std::io::Write;
use std::net::SocketAddr;

use crate::config::Config;
use crate::development::token;
use crate::development::{Cluster, shell_quoted};

/// Prints a token only if Rowkeep made the secret itself: a configured secret can be the one of another environment, and
/// the text can end up in a log.
pub(super) fn print(config: &Config, listening: SocketAddr, cluster: Option<&Cluster>, secret_is_own: bool) {
    let program = std::env::args().next().unwrap_or_else(|| "rowkeep".into());
    let mut text = format!("\nRowkeep is ready at http://{listening}  (development; ctrl-c stops it)\n");
    let lifetime = token::default_lifetime(&config.token_rules);
    let minted = secret_is_own.then(|| token::mint(&config.token_rules, "alice", lifetime));
    match minted {
        Some(Ok(token)) => text.push_str(&format!(
            "\na token for the user alice, valid for {lifetime} seconds; for another user: {program} token --user bob\n\n  {token}\n\n\
             alice's tasks, over HTTP:\n\n  curl -H 'Authorization: Bearer {token}' http://{listening}/api/tasks\n"
        )),
        _ => {
            let source = match config.token_rules.secrets.first() {
                Some(_) => format!("your sign-in, or from {program} token --user alice"),
                None => "your sign-in server".into(),
            };
            text.push_str(&format!(
                "\nyour tasks, over HTTP, with a token from {source}:\n\n  \
                 curl -H \"Authorization: Bearer $TOKEN\" http://{listening}/api/tasks\n"
            ));
        }
    }
    if let Some(cluster) = cluster {
        text.push_str(&format!(
            "\nthe same tasks, in the database:\n\n  {} -c begin -c \"select app.identify('alice')\" \
             -c 'table app.tasks' -c rollback\n",
            psql(cluster)
        ));
    }
    // In a thread of its own: the server goes on when its standard output is closed, or is a pipe that nobody reads.
    std::thread::spawn(move || {
        let _ = writeln!(std::io::stdout(), "{text}");
    });
}

fn psql(cluster: &Cluster) -> String {
    let in_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join("psql").is_file()));
    let program = if in_path { "psql".into() } else { shell_quoted(&cluster.programs().path("psql")) };
    format!("{program} -h {} -p 5432 -U postgres -d rowkeep", shell_quoted(cluster.socket_directory()))
}
