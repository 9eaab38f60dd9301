//! The text that `rowkeep serve` prints in development: lines to copy into a terminal.

use std::io::Write;
use std::net::SocketAddr;

use crate::config::Config;
use crate::development::token;
use crate::development::{Cluster, shell_quoted};

pub(super) fn print(config: &Config, listening: SocketAddr, cluster: Option<&Cluster>) {
    let program = std::env::args().next().unwrap_or_else(|| "rowkeep".into());
    let mut text = format!("\nRowkeep is ready at http://{listening}  (development; ctrl-c stops it)\n");
    let lifetime = token::DEFAULT_LIFETIME.min(config.token_rules.max_lifetime);
    match token::mint(&config.token_rules, "alice", lifetime) {
        Ok(token) => text.push_str(&format!(
            "\na token for the user alice, valid for {lifetime} seconds; for another user: {program} token --user bob\n\n  {token}\n\n\
             alice's tasks, over HTTP:\n\n  curl -H 'Authorization: Bearer {token}' http://{listening}/api/tasks\n"
        )),
        Err(_) => text.push_str(&format!(
            "\nyour tasks, over HTTP, with a token from your sign-in server:\n\n  \
             curl -H \"Authorization: Bearer $TOKEN\" http://{listening}/api/tasks\n"
        )),
    }
    if let Some(cluster) = cluster {
        text.push_str(&format!(
            "\nthe same tasks, in the database:\n\n  {} -c begin -c \"select app.identify('alice')\" \
             -c 'table app.tasks' -c rollback\n",
            psql(cluster)
        ));
    }
    // The server goes on when its standard output is closed.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn psql(cluster: &Cluster) -> String {
    let in_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join("psql").is_file()));
    let program = if in_path { "psql".into() } else { shell_quoted(&cluster.programs().path("psql")) };
    format!("{program} -h {} -p 5432 -U postgres -d rowkeep", shell_quoted(cluster.socket_directory()))
}
