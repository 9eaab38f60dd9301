//! A cluster of Citus that somebody else has started: `CITUS_URLS` has the addresses of its nodes, as a superuser reaches them
//! and as they reach each other, the coordinator first (docs/growth.md).

use std::io::Write;
use std::path::Path;
use std::process::Output;
use std::sync::Once;

use rowkeep::database::Address;
use rowkeep::development::Programs;
use rowkeep::schema;
use tokio::sync::OnceCell;
use tokio_postgres::config::Host;

use super::cluster::{PASSWORD, client};

/// The nodes.
pub struct Citus {
    nodes: Vec<Node>,
}

/// The database to clone. One run of the tests uses a cluster at a time.
const TEMPLATE: &str = "rowkeep_template";

/// A login as a hosted service gives it: no superuser, with CREATEROLE, and a member of the two roles on each node.
pub const HOSTED: &str = "rowkeep_hosted";

/// One PostgreSQL of the cluster.
pub struct Node {
    pub host: String,
    pub port: u16,
    user: String,
    password: String,
}

impl Citus {
    /// The cluster, with a database to clone. None if there is none: then one line says so.
    pub async fn at_hand() -> Option<&'static Self> {
        static CITUS: OnceCell<Citus> = OnceCell::const_new();
        static SAID: Once = Once::new();

        let Some(urls) = std::env::var("CITUS_URLS").ok().filter(|urls| !urls.is_empty()) else {
            // Not with `eprintln`, which tests that pass keep to themselves.
            SAID.call_once(|| {
                let line = "skipped: CITUS_URLS is not set, so no test ran on a distributed database (docs/growth.md)\n";
                let _ = std::io::stderr().write_all(line.as_bytes());
            });
            return None;
        };
        let made = CITUS.get_or_init(async || {
            let nodes: Vec<_> = urls.split_whitespace().map(Node::parse).collect();
            assert!(nodes.len() > 2, "CITUS_URLS needs a coordinator and two workers");
            let citus = Self { nodes };
            citus.make_template().await;
            citus
        });
        Some(made.await)
    }

    pub fn coordinator(&self) -> &Node {
        self.nodes.first().expect("a node")
    }

    pub fn workers(&self) -> &[Node] {
        self.nodes.get(1..).expect("nodes")
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// Runs a statement about databases on each node.
    async fn everywhere(&self, statement: &str) {
        for node in &self.nodes {
            let admin = client(&node.address("postgres", "postgres")).await;
            admin.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }

    /// Makes a database with the scripts that an operator runs.
    pub async fn distribute(&self, database: &str) {
        for worker in self.workers() {
            worker.runs(database, "citus_worker", &[]).await;
        }
        let superuser = self.coordinator().address("postgres", database);
        schema::migrate(&superuser, false).await.expect("a migrated database");
        // Roles belong to the whole cluster: an earlier run has made the login.
        let exists =
            client(&superuser).await.query("select from pg_roles where rolname = 'rowkeep_login'", &[]).await;
        let again = format!("alter role rowkeep_login password '{}'", PASSWORD.replace('\'', "''"));
        if exists.expect("roles").is_empty() {
            let variables = ["login=rowkeep_login", &format!("password={PASSWORD}")];
            let made = self.coordinator().psql(database, "sql/setup/login.sql", &variables).await;
            assert!(made.status.success(), "{made:?}");
        } else {
            client(&superuser).await.batch_execute(&again).await.expect("a login");
        }
        let (coordinator, workers) =
            (self.coordinator().name(), self.workers().iter().map(Node::name).collect::<Vec<_>>());
        let variables = [format!("coordinator={coordinator}"), format!("workers={}", workers.join(","))];
        self.coordinator().runs(database, "citus", &variables.each_ref().map(String::as_str)).await;
    }

    /// Makes a database as a hosted service has it: the nodes are there first, and nobody makes an event trigger on them.
    pub async fn distribute_on_ready_nodes(&self, database: &str) {
        self.create_database(database, "default").await;
        self.make_cluster(database).await;
        let superuser = self.coordinator().address("postgres", database);
        schema::migrate(&superuser, false).await.expect("a migrated database");
        let grant = format!("grant connect on database {database} to rowkeep_login");
        client(&superuser).await.batch_execute(&grant).await.expect("a grant");
        self.coordinator().runs(database, "citus", &[]).await;
    }

    /// Makes an empty database on each node.
    pub async fn create_database(&self, database: &str, owner: &str) {
        self.everywhere(&format!("create database {database} owner {owner}")).await;
    }

    /// Makes the login [`HOSTED`] on each node. Roles belong to the whole cluster: an earlier run may have made it.
    pub async fn make_hosted_login(&self) {
        static MADE: OnceCell<()> = OnceCell::const_new();
        let password = PASSWORD.replace('\'', "''");
        let make = format!(
            "do $$ begin create role {HOSTED} login createrole; exception when duplicate_object then null; end $$;
             alter role {HOSTED} password '{password}';
             grant rowkeep_owner, rowkeep_api to {HOSTED}"
        );
        MADE.get_or_init(async || self.everywhere(&make).await).await;
    }

    /// Makes one cluster of the databases of this name, as a hosting service does.
    pub async fn make_cluster(&self, database: &str) {
        for node in &self.nodes {
            let admin = client(&node.address("postgres", database)).await;
            admin.batch_execute("create extension citus").await.expect("an extension");
        }
        let superuser = self.coordinator().address("postgres", database);
        let admin = client(&superuser).await;
        let (host, port) = (&self.coordinator().host, i32::from(self.coordinator().port));
        admin
            .execute("select citus_set_coordinator_host($1, $2)", &[host, &port])
            .await
            .expect("a coordinator");
        for node in self.workers() {
            let add =
                admin.execute("select citus_add_node($1, $2)", &[&node.host, &i32::from(node.port)]).await;
            add.expect("a node");
        }
    }

    async fn make_template(&self) {
        self.everywhere(&format!("drop database if exists {TEMPLATE} with (force)")).await;
        self.everywhere(&format!("create database {TEMPLATE}")).await;
        self.distribute(TEMPLATE).await;
        self.everywhere(&format!("alter database {TEMPLATE} allow_connections false")).await;
    }

    /// Clones the template on each node: the copies are a cluster of their own.
    pub async fn clone_template(&self, name: &str) {
        self.everywhere(&format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{TEMPLATE}'"
        ))
        .await;
        self.everywhere(&format!("create database {name} template {TEMPLATE} strategy file_copy")).await;
        // What belongs to a database and is not in it is not copied.
        self.everywhere(&format!("grant connect on database {name} to rowkeep_login")).await;
        for setting in
            ["enable_seqscan = off", "jit = off", "statement_timeout = '5s'", "lock_timeout = '2s'"]
        {
            self.everywhere(&format!("alter role rowkeep_api in database {name} set {setting}")).await;
        }
    }
}

impl Node {
    fn parse(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().expect("an address in CITUS_URLS");
        let host = match config.get_hosts() {
            [Host::Tcp(host)] => host.clone(),
            other => panic!("{other:?}: nodes reach each other by TCP"),
        };
        Self {
            host,
            port: config.get_ports().first().copied().unwrap_or(5432),
            user: config.get_user().unwrap_or("postgres").to_owned(),
            password: String::from_utf8(config.get_password().unwrap_or_default().to_vec())
                .expect("a password"),
        }
    }

    /// Its address for the other nodes.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// An address of a database here for `login`, as `DATABASE_URL` takes it. `postgres` is the superuser.
    pub fn url(&self, login: &str, database: &str) -> String {
        let (user, password) = match login {
            "postgres" => (self.user.as_str(), self.password.as_str()),
            login => (login, PASSWORD),
        };
        let password = password.replace('\'', "\\'");
        format!("host={} port={} dbname={database} user={user} password='{password}'", self.host, self.port)
    }

    /// The same, parsed.
    pub fn address(&self, login: &str, database: &str) -> Address {
        Address::parse(&self.url(login, database)).expect("an address")
    }

    /// Runs a script of `sql/scale` here, and returns what it prints.
    pub async fn runs(&self, database: &str, script: &str, variables: &[&str]) -> String {
        let output = self.psql(database, &format!("sql/scale/{script}.sql"), variables).await;
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a script with psql here, as the superuser.
    pub async fn psql(&self, database: &str, script: &str, variables: &[&str]) -> Output {
        self.psql_as("postgres", database, script, variables).await
    }

    /// Runs a script of `sql/scale` here, which stops, and returns what it says.
    pub async fn refuses(&self, login: &str, database: &str, script: &str, variables: &[&str]) -> String {
        let output = self.psql_as(login, database, &format!("sql/scale/{script}.sql"), variables).await;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(3), "{script} {variables:?}: {said}");
        said
    }

    /// Runs a script with psql here, as `login`.
    pub async fn psql_as(&self, login: &str, database: &str, script: &str, variables: &[&str]) -> Output {
        let programs = Programs::find(None).expect("PostgreSQL's programs");
        tokio::process::Command::new(programs.path("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url(login, database)])
            .args(variables.iter().flat_map(|variable| ["-v", variable]))
            .arg("-f")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .output()
            .await
            .expect("psql")
    }
}
