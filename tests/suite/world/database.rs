//! One database for each test, cloned from a migrated template: in the cluster of the run, or in a cluster of Citus.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rowkeep::database::Address;
use rowkeep::development::Cluster;
use rowkeep::session::connect_once;
use tokio::runtime::Builder;
use tokio_postgres::Client;

use super::citus::Citus;
use super::cluster::{PASSWORD, client, cluster};

/// A database of one test.
pub struct Database {
    pub name: String,
    place: Place,
}

/// Where the databases of tests are.
#[derive(Clone, Copy)]
enum Place {
    Cluster(&'static Cluster),
    /// If `ON_CITUS` is set: tests of one PostgreSQL run on a distributed database then.
    Citus(&'static Citus),
}

impl Place {
    async fn of_tests() -> Self {
        match std::env::var_os("ON_CITUS") {
            Some(_) => Self::Citus(Citus::at_hand().await.expect("CITUS_URLS, beside ON_CITUS")),
            None => Self::Cluster(cluster().await),
        }
    }
}

impl Database {
    /// A migrated database without tasks.
    pub async fn new() -> Self {
        match Place::of_tests().await {
            Place::Cluster(_) => Self::from_template("template_rowkeep").await,
            Place::Citus(citus) => Self::distributed(citus).await,
        }
    }

    /// A migrated database without tasks that is distributed over the nodes of `citus`.
    pub async fn distributed(citus: &'static Citus) -> Self {
        let name = Self::new_name();
        citus.clone_template(&name).await;
        Self { name, place: Place::Citus(citus) }
    }

    /// The same, of nodes that were a cluster before the migrations, without event triggers.
    pub async fn on_ready_nodes(citus: &'static Citus) -> Self {
        let name = Self::new_name();
        citus.distribute_on_ready_nodes(&name).await;
        Self { name, place: Place::Citus(citus) }
    }

    /// An empty database on each node of `citus`.
    pub async fn empty_on(citus: &'static Citus, owner: &str) -> Self {
        let name = Self::new_name();
        citus.create_database(&name, owner).await;
        Self { name, place: Place::Citus(citus) }
    }

    fn new_name() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // The databases of a run in another cluster are not deleted with it.
        format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    /// A database as `create database` makes it.
    pub async fn unmigrated() -> Self {
        Self::from_template("template0").await
    }

    /// The same, in another encoding than UTF8.
    pub async fn encoded(encoding: &str) -> Self {
        Self::from_template(&format!("template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'")).await
    }

    /// As PostgreSQL makes it, with the sort order of a language. Needs a PostgreSQL that is built with ICU.
    pub async fn of_language(language: &str) -> Self {
        Self::with_locale(&format!("locale_provider icu icu_locale '{language}'")).await
    }

    /// The same, with options of `create database` that name a locale.
    pub async fn with_locale(options: &str) -> Self {
        Self::from_template(&format!("template0 encoding 'UTF8' {options}")).await
    }

    async fn from_template(template: &str) -> Self {
        let name = Self::new_name();
        let cluster = cluster().await;
        let admin = client(&cluster.address("postgres").expect("an address")).await;
        // Copies files, also that of the catalogue cache, which the first session would have to make.
        let create = format!("create database {name} template {template} strategy file_copy");
        for _ in 0..100 {
            match admin.batch_execute(&create).await {
                Ok(()) => {
                    // As sql/setup/login.sql does: a copy of a database does not have its privileges.
                    let grant = format!("grant connect on database {name} to rowkeep_login");
                    admin.batch_execute(&grant).await.expect("a privilege");
                    return Self { name, place: Place::Cluster(cluster) };
                }
                // object_in_use: the session that made the template has not ended yet.
                Err(error) if error.code().is_some_and(|state| state.code() == "55006") => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("{template} stays in use");
    }

    /// An address of this database for `login`, as `DATABASE_URL` takes it.
    pub fn url(&self, login: &str) -> String {
        match self.place {
            Place::Cluster(cluster) => self.url_at(cluster.socket_directory(), login),
            Place::Citus(citus) => citus.coordinator().url(login, &self.name),
        }
    }

    /// The same, where the cluster of the run or a standby of it has its socket.
    pub fn url_at(&self, sockets: &Path, login: &str) -> String {
        let (host, password) = (sockets.display(), PASSWORD.replace('\'', "\\'"));
        format!("host='{host}' port=5432 dbname={} user={login} password='{password}'", self.name)
    }

    /// The same, parsed.
    pub fn address(&self, login: &str) -> Address {
        Address::parse(&self.url(login)).expect("an address")
    }

    /// A connection as `login`.
    pub async fn client(&self, login: &str) -> Client {
        let client = client(&self.address(login)).await;
        if let Place::Citus(_) = self.place {
            // As the server does, and as a DBA must in psql: the identity goes to the nodes as well.
            let propagate = "set citus.propagate_set_commands = 'local'";
            client.batch_execute(propagate).await.expect("a setting");
        }
        client
    }

    /// A connection as the superuser, to which no policy applies.
    pub async fn superuser(&self) -> Client {
        self.client("postgres").await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let addresses = match self.place {
            Place::Cluster(cluster) => vec![cluster.address("postgres").expect("an address")],
            Place::Citus(citus) => citus.nodes().map(|node| node.address("postgres", "postgres")).collect(),
        };
        let drop = format!("drop database if exists {} with (force)", self.name);
        // The runtime of the test cannot be entered here.
        let dropping = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                // If it fails, the database is deleted with the cluster.
                for address in addresses {
                    if let Ok(admin) = connect_once(&address).await {
                        let _ = admin.batch_execute(&drop).await;
                    }
                }
            });
        });
        let _ = dropping.join();
    }
}
