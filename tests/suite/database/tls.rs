//! TLS between the server and a real PostgreSQL.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rowkeep::database::{Address, Defaults};
use rowkeep::development::Programs;
use rowkeep::refusal::ConstraintMessages;
use rowkeep::session::{Options, Session, connect_once};
use rowkeep::tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_postgres::Client;

use super::serving::{start, titles};
use super::support::{creates, texts};
use crate::operation::program::{Directory, Ended, Program};
use crate::world::{CertificateAuthority, OwnCluster, PASSWORD, Person, SECRET, Server, Signed, releases};

pub const NAME: &str = "database.rowkeep.test";

/// A PostgreSQL that listens at an address of its own and asks for passwords.
pub struct Listening {
    cluster: OwnCluster,
    pub admin: Client,
    pub address: String,
    files: Directory,
}

impl Listening {
    async fn of_release(major: u32) -> Self {
        // Each cluster has its own address of 127.0.0.0/8 (RFC 1122, section 3.2.1.3), so that all can use port 5432.
        static COUNT: AtomicU32 = AtomicU32::new(100);
        let (count, [_, _, a, b]) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id().to_be_bytes());
        let address = format!("127.{count}.{a}.{b}");
        let cluster = OwnCluster::with(major, &format!("listen_addresses = '{address}'\n")).await;
        cluster.migrate().await;
        creates(&cluster.superuser("postgres").await, "alice", "hers").await;
        let admin = cluster.superuser("postgres").await;
        let listening = Self { cluster, admin, address, files: Directory::named("certificates") };
        listening.keeps("pg_hba.conf", "local all all trust\nhost all all 127.0.0.0/8 scram-sha-256").await;
        listening.reads_its_files_again().await;
        listening
    }

    /// Writes a file into the data directory that only the server can read.
    async fn keeps(&self, name: &str, text: &str) {
        let lines = text.replace('\'', "''");
        let copy =
            format!("copy (select string_to_table('{lines}', E'\\n')) to program 'umask 077; cat > {name}'");
        self.admin.batch_execute(&copy).await.expect("a file");
    }

    pub async fn has_tls(&self, Signed { certificate, key }: &Signed) {
        self.keeps("server.crt", &certificate.pem()).await;
        self.keeps("server.key", &key.serialize_pem()).await;
        self.admin.batch_execute("alter system set ssl = on").await.expect("a setting");
        self.reads_its_files_again().await;
    }

    async fn reads_its_files_again(&self) {
        let sql = "select pg_reload_conf(), pg_sleep(0.5)";
        self.admin.batch_execute(sql).await.expect("a signal");
    }

    pub async fn start() -> Self {
        Self::of_release(Programs::find(None).expect("PostgreSQL's programs").major).await
    }

    /// The address of the database, with the login of requests.
    pub fn url(&self, options: &str) -> String {
        let password = PASSWORD.replace('\'', "\\'");
        format!("port=5432 dbname=postgres user=rowkeep_login password='{password}' {options}")
    }

    /// The path of a file with the certificate of `authority`.
    pub fn file_of(&self, authority: &CertificateAuthority) -> String {
        self.files.write("authority.pem", &authority.pem());
        self.files.0.join("authority.pem").display().to_string()
    }

    fn address(&self, options: &str, authority: &CertificateAuthority) -> Address {
        let defaults = Defaults { root_certificates: Some(self.file_of(authority)), ..Defaults::default() };
        Address::with(&self.url(options), &defaults).expect("an address")
    }

    /// Runs a command of the program with `options` in its address.
    async fn runs(&self, command: &str, options: &str, more: &[(&str, &str)]) -> Ended {
        let url = self.url(options);
        let settings = [
            ("ENVIRONMENT", "production"),
            ("DATABASE_URL", url.as_str()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("PORT", "0"),
        ];
        Program::new(&[command]).with(&settings).with(more).run().await
    }

    /// Whether the connections of a server use TLS. Asserts that it serves.
    pub async fn serves(&self, options: &str, authority: &CertificateAuthority) -> bool {
        let session = start(&self.address(options, authority)).await.expect(options);
        assert_eq!(titles(&session, "alice").await, ["hers"], "{options}");
        assert_eq!(titles(&session, "bob").await, [""; 0], "{options}");
        let sql = "select distinct ssl::text from pg_stat_ssl natural join pg_stat_activity
                    where usename = 'rowkeep_login'";
        let only = async {
            loop {
                // The connections of the session before may still be ending.
                match &texts(&self.admin, sql).await[..] {
                    [encrypted] => return encrypted == "true",
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), only)
            .await
            .unwrap_or_else(|_| panic!("{options}: both"))
    }

    /// The error of a starting server. Asserts that opening a session fails, too.
    async fn refuses(&self, options: &str, authority: &CertificateAuthority) -> String {
        let address = self.address(options, authority);
        let step_timeout = Duration::from_secs(1);
        let limits = Options {
            pool_size: 1,
            min_idle: 1,
            max_lifetime: Duration::from_secs(60),
            step_timeout,
            statement_mode: None,
        };
        let opened = Session::open(&address, &limits, tasks::QUERIES, ConstraintMessages::default()).await;
        assert!(opened.is_err(), "{options}: a session that was not to be");
        start(&address).await.err().expect(options)
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_server_connects_with_the_tls_mode_of_the_address() {
    let (authority, other_authority) = (CertificateAuthority::new(), CertificateAuthority::new());
    let database = Listening::start().await;
    let here = &database.address;
    let (named, unnamed) = (format!("host={NAME} hostaddr={here}"), format!("hostaddr={here}"));

    assert!(!database.serves(&format!("{unnamed} sslmode=disable"), &authority).await);

    database.has_tls(&authority.signs(&[NAME, here])).await;
    for options in ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full channel_binding=require"] {
        assert!(database.serves(&format!("{named} {options}"), &authority).await, "{options}");
        let error = database.refuses(&format!("{named} {options}"), &other_authority).await;
        assert!(error.contains("certificate") && error.contains("DATABASE_CA_FILE"), "{options}: {error}");
        let another = format!("host=another.rowkeep.test hostaddr={here} {options}");
        let error = database.refuses(&another, &authority).await;
        assert!(error.contains("certificate not valid for name"), "{options}: {error}");
    }
    assert!(!database.serves(&format!("{named} sslmode=disable"), &authority).await);
    assert!(database.serves(&format!("{unnamed} sslmode=require"), &authority).await);
    // On the same machine, TLS is not required: nobody can listen in between.
    assert!(!database.serves(&unnamed, &authority).await);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_server_with_an_expired_certificate_is_refused() {
    let authority = CertificateAuthority::new();
    let database = Listening::start().await;
    database.has_tls(&authority.signs_until(&[NAME], 2020)).await;

    let options = format!("host={NAME} hostaddr={} sslmode=require", database.address);
    let error = database.refuses(&options, &authority).await;

    assert!(error.contains("expired"), "{error}");
}

/// A name that is not this machine's, for an address that is.
pub fn on_the_network(here: &str) -> String {
    format!("host={NAME} hostaddr={here}")
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn tls_is_required_unless_the_address_says_disable_or_it_is_development() {
    let database = Listening::start().await;
    // The address that the host has is not loopback for the parser: a name decides.
    let named = on_the_network(&database.address);
    let defaults = Defaults { prefer_tls: true, ..Defaults::default() };

    for mode in ["", "sslmode=prefer", "sslmode=require", "sslmode=verify-full"] {
        let address = Address::parse(&database.url(&format!("{named} {mode}"))).expect("an address");
        let error =
            connect_once(&address).await.err().unwrap_or_else(|| panic!("{mode}: a plain connection"));
        let error = error.to_string();
        assert!(
            error.contains("does not support TLS") && error.contains("sslmode=disable"),
            "{mode}: {error}"
        );
    }
    let plain = Address::parse(&database.url(&format!("{named} sslmode=disable"))).expect("an address");
    connect_once(&plain).await.expect("a plain connection");
    for mode in ["", "sslmode=prefer"] {
        let address =
            Address::with(&database.url(&format!("{named} {mode}")), &defaults).expect("an address");
        connect_once(&address).await.expect("a plain connection");
    }
}

/// Somebody between server and database, who claims that the database has no TLS.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_man_in_the_middle_who_refuses_tls_gets_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.expect("a request for TLS");
        stream.write_all(b"N").await.expect("an answer");
        let mut heard = Vec::new();
        // Asks for the password in clear text when the login is named.
        while stream.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {
            let _ = stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await;
        }
        (request, heard)
    });
    let url = format!("host={NAME} hostaddr=127.0.0.1 port={port} dbname=d user=u password=hush");
    let settings =
        [("ENVIRONMENT", "production"), ("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];

    let ended = Program::new(&["migrate"]).with(&settings).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("does not support TLS") && !ended.err.contains("hush"), "{}", ended.err);
    let (request, heard) = heard.await.expect("no panic");
    assert_eq!((request, heard), ([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], vec![]));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn every_command_reaches_a_database_with_an_authority_of_its_own() {
    let authority = CertificateAuthority::new();
    let database = Listening::start().await;
    database.has_tls(&authority.signs(&[NAME])).await;
    let named = on_the_network(&database.address);
    let file = database.file_of(&authority);
    let in_address = format!("{named} sslrootcert='{file}'");

    for (options, setting) in [
        (&in_address, ("DATABASE_CA_FILE", "")),
        (&named, ("DATABASE_CA_FILE", file.as_str())),
        (&named, ("PGSSLROOTCERT", file.as_str())),
        (&format!("{named} sslrootcert=system"), ("SSL_CERT_FILE", file.as_str())),
    ] {
        let url = database.url(options);
        let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), setting];
        let server = Server::start(&settings).await;
        let server = server.unwrap_or_else(|log| panic!("{setting:?}: {log}"));
        let answer = Person::new(server.address, "alice").get("/api/tasks").await;
        assert!(answer.json()[0]["title"] == "hers", "{setting:?}");

        let migrated = database.runs("migrate", options, &[setting]).await;
        assert!(
            migrated.code == Some(0) && migrated.out.contains("nothing to do"),
            "{setting:?}: {migrated:?}"
        );
        let audited = database.runs("audit", options, &[setting]).await;
        assert!(audited.out.contains("isolation: HELD"), "{setting:?}: {audited:?}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn no_command_reaches_a_database_whose_authority_is_not_the_one_that_is_named() {
    let (authority, other_authority) = (CertificateAuthority::new(), CertificateAuthority::new());
    let database = Listening::start().await;
    database.has_tls(&authority.signs(&[NAME])).await;
    let named = on_the_network(&database.address);
    let other_file = database.file_of(&other_authority);
    let in_address = format!("{named} sslrootcert='{other_file}'");

    for (options, setting) in [
        (&named, ("DATABASE_CA_FILE", other_file.as_str())),
        (&in_address, ("DATABASE_CA_FILE", "")),
        // The public authorities do not vouch for this database.
        (&named, ("DATABASE_CA_FILE", "")),
    ] {
        for command in ["serve", "migrate", "audit"] {
            let ended = database.runs(command, options, &[setting]).await;

            let failed = if command == "audit" { 2 } else { 1 };
            assert_eq!(ended.code, Some(failed), "{command} {options}");
            let told = ended.err.contains("certificate") && ended.err.contains("DATABASE_CA_FILE");
            assert!(told, "{command} {options}: {}", ended.err);
        }
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_certificate_file_that_cannot_be_used_is_named_at_start() {
    let authority = CertificateAuthority::new();
    let files = Directory::named("certificates");
    let two = CertificateAuthority::new().pem() + &authority.pem();
    files.write("two.pem", &two);
    files.write("empty.pem", "");
    files.write("key.pem", &authority.signs(&[NAME]).key.serialize_pem());
    files.write("broken.pem", "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n");
    files.write("text.pem", "these are not the certificates you are looking for");
    let url = "postgres://u:hush@127.0.0.1:9/d?sslmode=require";
    let base = [("ENVIRONMENT", "production"), ("BETTER_AUTH_SECRET", SECRET), ("PORT", "0")];

    for (name, problem) in [
        ("missing.pem", Some("cannot be read")),
        ("empty.pem", Some("has no certificate")),
        ("key.pem", Some("has no certificate")),
        ("text.pem", Some("has no certificate")),
        ("broken.pem", Some("is not in PEM form")),
        ("two.pem", None),
    ] {
        let in_address = format!("{url}&sslrootcert={name}");
        for settings in [
            [("DATABASE_URL", url), ("DATABASE_CA_FILE", name)],
            [("DATABASE_URL", &in_address), ("HOST", "")],
        ] {
            // A relative path is relative to the working directory.
            let program = Program::checking_settings().with(&base).with(&settings);
            let ended = program.inside(&files.0).run().await;

            match problem {
                Some(problem) => {
                    let line = ended.err.lines().find(|line| line.trim().starts_with("DATABASE_URL: "));
                    let line = line.unwrap_or_else(|| panic!("{name}: {}", ended.err));
                    assert!(
                        line.contains(problem) && line.contains(name) && !line.contains("hush"),
                        "{line}"
                    );
                }
                None => assert!(!ended.err.contains("DATABASE_URL"), "{}", ended.err),
            }
        }
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_new_authority_in_the_file_holds_for_new_connections() {
    let (old, new) = (CertificateAuthority::new(), CertificateAuthority::new());
    let database = Listening::start().await;
    database.has_tls(&new.signs(&[NAME])).await;
    let address = database.address(&format!("{} sslmode=require", on_the_network(&database.address)), &old);
    assert!(connect_once(&address).await.is_err(), "the old authority vouches for the new certificate");

    database.file_of(&new);

    connect_once(&address).await.expect("a connection");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn plain_connections_over_a_network_are_warned_of() {
    for (url, warned) in [
        ("postgres://u:hush@db.example/d?sslmode=disable", true),
        ("postgres://u:hush@127.0.0.1:9/d?sslmode=disable", false),
        ("postgres://u:hush@db.example/d", false),
    ] {
        let settings = [("ENVIRONMENT", "production"), ("DATABASE_URL", url), ("BETTER_AUTH_SECRET", SECRET)];

        // It waits for the database. Its first lines are enough.
        let mut running = Program::new(&["serve", "--port=0"]).with(&settings).start();
        let text = running.says_within(Duration::from_secs(2)).await;

        assert_eq!(text.contains("cross the network in clear text"), warned, "{url}: {text}");
        assert!(!text.is_empty() && !text.contains("hush"), "{text}");
    }
}

/// `sslnegotiation=direct`, from PostgreSQL 17 on (manual, "Database Connection Control Functions").
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn direct_tls_works() {
    let authority = CertificateAuthority::new();
    let newest = *releases().iter().max().expect("a release");
    assert!(newest >= 17, "no PostgreSQL 17 or newer is installed: run `make test-all`, which installs it");
    let database = Listening::of_release(newest).await;
    database.has_tls(&authority.signs(&[NAME])).await;

    let options = format!("host={NAME} hostaddr={} sslmode=require sslnegotiation=direct", database.address);

    assert!(database.serves(&options, &authority).await);
    drop(database.cluster);
}
