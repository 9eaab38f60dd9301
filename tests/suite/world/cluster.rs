//! One PostgreSQL for the whole run, started by the code of the development database, with a migrated database to clone, and
//! clusters of single tests.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rowkeep::database::Address;
use rowkeep::development::{Cluster, Programs};
use rowkeep::schema;
use rowkeep::session::connect_once;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::releases::programs_of_release;
use super::replicas;

/// Commits need not be durable: nothing of the cluster outlives the run. Compiling a query (jit) takes longer than any query
/// of a test runs.
const SETTINGS: &str =
    "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\njit = off\nmax_connections = 400\n";

/// The password of `rowkeep_login` in the clusters of tests.
pub const PASSWORD: &str = "it's a \"test\"";

/// The cluster of this run. It ends with the test process, even if that is killed.
pub async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<&Cluster> = OnceCell::const_new();

    CLUSTER
        .get_or_init(async || {
            let cluster = tokio::task::spawn_blocking(|| {
                let home = home();
                std::fs::DirBuilder::new().mode(0o711).create(&home).expect("a directory for the cluster");
                end_with_this_process(&home.display().to_string());
                Cluster::start(&home, &format!("{SETTINGS}{}", replicas::settings())).expect("PostgreSQL")
            });
            let cluster: &Cluster = Box::leak(Box::new(cluster.await.expect("PostgreSQL")));

            make_template(cluster).await;
            replicas::start(&home(), cluster).await;
            cluster
        })
        .await
}

/// Starts a shell that stops the server in `home` and deletes its files when this process has ended, even by SIGKILL. The
/// shell reads a pipe that only this process holds open.
pub fn end_with_this_process(home: &str) {
    let watch = r#"
        read -r _
        [ -f "$0/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")"
        sleep 1
        rm -rf "$0""#;
    let watcher = Command::new("sh")
        .args(["-c", watch, home])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0) // so that ctrl-c does not reach it
        .spawn()
        .expect("a shell");
    std::mem::forget(watcher);
}

async fn make_template(cluster: &Cluster) {
    let admin = client(&cluster.address("postgres").expect("an address")).await;
    admin.batch_execute("create database template_rowkeep").await.expect("a template");
    let address = cluster.address("template_rowkeep").expect("an address");
    schema::migrate(&address, false).await.expect("a migrated template");

    make_login(&home(), "template_rowkeep").await;
}

/// Makes the recommended login, `rowkeep_login`.
async fn make_login(home: &Path, database: &str) {
    let script = format!("{}/sql/setup/login.sql", env!("CARGO_MANIFEST_DIR"));
    let login = format!("password={PASSWORD}");
    let arguments = ["-v", "login=rowkeep_login", "-v", &login, "-f", &script];
    let output = psql_in(home, database, &arguments).await;
    assert!(output.status.success(), "{output:?}");
}

/// Runs psql as the superuser, stopping at the first error.
pub async fn psql(database: &str, arguments: &[&str]) -> Output {
    psql_in(&home(), database, arguments).await
}

/// The directory of this run's cluster, which may not have been started yet.
fn home() -> PathBuf {
    directory_of_clusters().join(format!("rowkeep-test-{}", std::process::id()))
}

/// The space that clusters may need, in bytes. Each has little data, but up to a gigabyte of write-ahead log.
const SPACE_OF_CLUSTERS: u64 = 8 << 30;

/// The directory for clusters: in memory where Linux has room there, else where temporary files are. Each test creates and
/// drops a database, which are hundreds of files: on a disk that takes most of the time of the tests.
fn directory_of_clusters() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let has_room = rustix::fs::statvfs(memory).is_ok_and(|found| {
        let is_executable = !found.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC);
        is_executable && found.f_bavail.saturating_mul(found.f_frsize) >= SPACE_OF_CLUSTERS
    });
    if has_room { memory.to_owned() } else { std::env::temp_dir() }
}

async fn psql_in(home: &Path, database: &str, arguments: &[&str]) -> Output {
    // This machine's psql, also for servers of other releases: their packages have none.
    let programs = Programs::find(None).expect("PostgreSQL's programs");
    tokio::process::Command::new(programs.path("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-p", "5432", "-U", "postgres", "-d", database])
        .arg("-h")
        .arg(home.join("socket"))
        .args(arguments)
        .output()
        .await
        .expect("psql")
}

/// An empty directory for the cluster of this name, which is deleted when this process has ended.
fn new_home(name: &str) -> PathBuf {
    let home = directory_of_clusters().join(format!("rowkeep-test-{}-{name}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o711).create(&home).expect("a directory for the cluster");
    end_with_this_process(&home.display().to_string());
    home
}

/// Gives `home` the data directory of a new cluster of this release, and returns the programs to start it with. One cluster of
/// each release is made, and copied: `initdb` takes longer than most tests.
fn begin(major: u32, home: &Path) -> Programs {
    static MADE: Mutex<BTreeMap<u32, (Programs, PathBuf)>> = Mutex::new(BTreeMap::new());

    let (programs, data) = MADE
        .lock()
        .expect("each release that was asked for could be made")
        .entry(major)
        .or_insert_with(|| {
            let first = new_home(&format!("of-{major}"));
            let programs = programs_of_release(major, &first);
            drop(Cluster::start_with(programs.clone(), &first, SETTINGS).expect("PostgreSQL"));
            (programs, first.join("data"))
        })
        .clone();
    let copied = Command::new("cp").arg("-a").args([&data, &home.join("data")]).output().expect("cp");
    assert!(copied.status.success(), "{copied:?}");
    programs
}

/// A cluster of one test, for tests that change roles: roles belong to the whole cluster.
pub struct OwnCluster {
    cluster: Option<Cluster>,
    home: PathBuf,
}

impl OwnCluster {
    /// As `initdb` makes it, with no role but the superuser.
    pub async fn start() -> Self {
        Self::of_release(Programs::find(None).expect("PostgreSQL's programs").major).await
    }

    /// The same, of one of the [`releases`].
    pub async fn of_release(major: u32) -> Self {
        Self::with(major, "").await
    }

    /// The same, with more settings.
    pub async fn with(major: u32, settings: &str) -> Self {
        let mut cluster = Self::stopped();
        let home = cluster.home.clone();
        let programs = tokio::task::spawn_blocking(move || begin(major, &home)).await;
        cluster.start_with(programs.expect("programs"), settings).await;
        cluster
    }

    /// One that is not started yet, without a data directory.
    pub fn stopped() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let home = new_home(&COUNT.fetch_add(1, Ordering::Relaxed).to_string());
        Self { cluster: None, home }
    }

    /// Starts it with these programs, on a new data directory if it has none.
    pub async fn start_with(&mut self, programs: Programs, settings: &str) {
        let (home, settings) = (self.home.clone(), format!("{SETTINGS}{settings}"));
        let start = move || Cluster::start_with(programs, &home, &settings);
        let cluster = tokio::task::spawn_blocking(start).await;
        self.cluster = Some(cluster.expect("PostgreSQL").expect("PostgreSQL"));
    }

    /// Stops it. Its data directory stays.
    pub fn stop(&mut self) {
        drop(self.cluster.take());
    }

    /// The directory of its files. The data directory is `data` in it.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// An address of `database` for `login`, as `DATABASE_URL` takes it.
    pub fn url(&self, login: &str, database: &str) -> String {
        let host = self.socket_directory();
        format!("host='{}' port=5432 dbname={database} user={login}", host.display())
    }

    /// The same, parsed.
    pub fn address(&self, login: &str, database: &str) -> Address {
        Address::parse(&self.url(login, database)).expect("an address")
    }

    /// The directory of its socket.
    pub fn socket_directory(&self) -> PathBuf {
        self.home.join("socket")
    }

    /// A connection as the superuser, to which no policy applies.
    pub async fn superuser(&self, database: &str) -> Client {
        client(&self.address("postgres", database)).await
    }

    /// Runs psql as the superuser, stopping at the first error.
    pub async fn psql(&self, database: &str, arguments: &[&str]) -> Output {
        psql_in(&self.home, database, arguments).await
    }

    /// Migrates its database `postgres`, and makes the recommended login.
    pub async fn migrate(&self) {
        schema::migrate(&self.address("postgres", "postgres"), false).await.expect("a migrated database");
        make_login(&self.home, "postgres").await;
    }
}

impl OwnCluster {
    /// A standby of this cluster, a copy by pg_basebackup that follows it.
    pub async fn standby(&self) -> Self {
        self.standby_with("").await
    }

    /// The same, with more settings.
    pub async fn standby_with(&self, settings: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = PathBuf::from(format!("{}-standby-{number}", self.home.display()));
        let cluster = make_standby(&home, &self.socket_directory(), settings).await;
        Self { cluster: Some(cluster), home }
    }

    /// Kills it as a power failure does.
    pub fn kill(&mut self) {
        let file = self.home.join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the server runs");
        let pid = text.lines().next().expect("a process id");
        let status = Command::new("kill").args(["-QUIT", pid]).status();
        assert!(status.expect("kill").success());
        self.stop();
    }

    /// Starts it again, with the settings of [`OwnCluster::start`] and these.
    pub async fn start_again(&mut self, settings: &str) {
        self.start_with(Programs::find(None).expect("PostgreSQL's programs"), settings).await;
    }

    /// Makes a standby the primary.
    pub async fn promote(&self) {
        let admin = self.superuser("postgres").await;
        admin.batch_execute("select pg_promote()").await.expect("a primary");
    }
}

/// A standby with its files in `home`, of the primary that has its socket in this directory.
pub(super) async fn make_standby(home: &Path, primary: &Path, settings: &str) -> Cluster {
    let programs = Programs::find(None).expect("PostgreSQL's programs");
    std::fs::DirBuilder::new().mode(0o711).create(home).expect("a directory for the standby");
    end_with_this_process(&home.display().to_string());
    let owner = std::fs::metadata(primary).expect("a directory");
    std::os::unix::fs::chown(home, Some(owner.uid()), Some(owner.gid())).expect("an owner");

    let mut copy = tokio::process::Command::new(programs.path("pg_basebackup"));
    copy.args(["-U", "postgres", "-p", "5432", "-R", "-c", "fast", "-D"]).arg(home.join("data"));
    copy.arg("-h").arg(primary).current_dir(home);
    if owner.uid() != std::fs::metadata("/proc/self").map_or(owner.uid(), |this| this.uid()) {
        copy.uid(owner.uid()).gid(owner.gid());
    }
    let output = copy.output().await.expect("pg_basebackup");
    assert!(output.status.success(), "{output:?}");

    let (directory, settings) = (home.to_owned(), format!("{SETTINGS}{settings}"));
    let start = move || Cluster::start_with(programs, &directory, &settings);
    tokio::task::spawn_blocking(start).await.expect("PostgreSQL").expect("PostgreSQL")
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        drop(self.cluster.take());
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

pub(super) async fn client(address: &Address) -> Client {
    connect_once(address).await.expect("a connection")
}
