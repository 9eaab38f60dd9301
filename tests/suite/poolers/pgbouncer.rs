//! A PgBouncer in front of the cluster of this run.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::operation::overload::eventually;
use crate::world::{Database, PASSWORD, cluster};

/// A running PgBouncer in transaction mode. Dropping it ends it.
pub struct PgBouncer {
    port: u16,
    process: Child,
    directory: PathBuf,
}

impl PgBouncer {
    /// With this many connections to Postgres for each database and login, and more lines for its configuration.
    pub async fn start(pool_size: u32, more: &str) -> Self {
        let sockets = cluster().await.socket_directory().display().to_string();
        Self::before(&sockets, 5432, pool_size, more).await
    }

    /// The same, in front of another server of this run. `host` can be the directory of its socket.
    pub async fn before(host: &str, server_port: u16, pool_size: u32, more: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("rowkeep-pgbouncer-{}-{count}", std::process::id()));
        std::fs::create_dir(&directory).expect("a directory");
        let port = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            listener.local_addr().expect("an address").port()
        };

        let users = directory.join("users.txt");
        // The cluster of this run asks for no password; a cluster of Citus may.
        let password = PASSWORD.replace('"', "\"\"");
        let logins = ["rowkeep_login", "postgres"].map(|login| format!("\"{login}\" \"{password}\"\n"));
        std::fs::write(&users, logins.concat()).expect("a file");
        let configuration = directory.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {pool_size}\nmax_client_conn = 500\n{more}\n",
            users.display()
        );
        std::fs::write(&configuration, text).expect("a file");

        // Only the user of the cluster can enter the directory of its socket, and PgBouncer does not run as root.
        let owner = std::fs::metadata(cluster().await.socket_directory()).expect("a directory");
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", "exec pgbouncer \"$0\""]).arg(&configuration).env("PATH", path);
        if owner.uid() != std::fs::metadata(&directory).expect("a directory").uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell");

        let bouncer = Self { port, process, directory };
        let answers = async || tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok();
        eventually("PgBouncer answers", answers).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        bouncer
    }

    /// The address of `database` through this PgBouncer.
    pub fn url(&self, database: &Database, login: &str) -> String {
        self.url_of(&database.name, login)
    }

    /// The address of the database with this name.
    pub fn url_of(&self, database: &str, login: &str) -> String {
        format!("postgres://{login}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

impl PgBouncer {
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
