//! TLS between the server and a real PostgreSQL.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rowkeep::database::Address;
use rowkeep::development::Programs;
use rowkeep::refusal::ConstraintMessages;
use rowkeep::session::{Options, Session};
use rowkeep::tasks;
use tokio_postgres::Client;
use tokio_rustls::rustls::RootCertStore;

use super::serving::{start, titles};
use super::support::{creates, texts};
use crate::world::{CertificateAuthority, OwnCluster, PASSWORD, Signed, releases};

const NAME: &str = "database.rowkeep.test";

/// A PostgreSQL that listens at an address of its own and asks for passwords.
struct Listening {
    cluster: OwnCluster,
    admin: Client,
    address: String,
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
        let listening = Self { cluster, admin, address };
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

    async fn has_tls(&self, Signed { certificate, key }: &Signed) {
        self.keeps("server.crt", &certificate.pem()).await;
        self.keeps("server.key", &key.serialize_pem()).await;
        self.admin.batch_execute("alter system set ssl = on").await.expect("a setting");
        self.reads_its_files_again().await;
    }

    async fn reads_its_files_again(&self) {
        let sql = "select pg_reload_conf(), pg_sleep(0.5)";
        self.admin.batch_execute(sql).await.expect("a signal");
    }

    fn address(&self, options: &str, authority: &CertificateAuthority) -> Address {
        let password = PASSWORD.replace('\'', "\\'");
        let login = format!("port=5432 dbname=postgres user=rowkeep_login password='{password}'");
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).expect("an authority");
        Address::parse(&format!("{login} {options}")).expect("an address").with_roots(roots)
    }

    /// Whether the connections of a server use TLS. Asserts that it serves.
    async fn serves(&self, options: &str, authority: &CertificateAuthority) -> bool {
        let session = start(&self.address(options, authority)).await.expect(options);
        assert_eq!(titles(&session, "alice").await, ["hers"], "{options}");
        assert_eq!(titles(&session, "bob").await, [""; 0], "{options}");
        let sql = "select distinct ssl::text from pg_stat_ssl natural join pg_stat_activity
                    where usename = 'rowkeep_login'";
        match &texts(&self.admin, sql).await[..] {
            [encrypted] => encrypted == "true",
            other => panic!("{options}: {other:?}"),
        }
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
async fn the_server_connects_with_the_tls_mode_of_the_address() {
    let (authority, other_authority) = (CertificateAuthority::new(), CertificateAuthority::new());
    let own = Programs::find(None).expect("PostgreSQL's programs").major;
    let database = Listening::of_release(own).await;
    let here = &database.address;
    let (named, unnamed) = (format!("host={NAME} hostaddr={here}"), format!("hostaddr={here}"));

    let error = database.refuses(&format!("{named} sslmode=require"), &authority).await;
    assert!(error.contains("server does not support TLS"), "{error}");
    for options in ["sslmode=prefer", "sslmode=disable", ""] {
        assert!(!database.serves(&format!("{named} {options}"), &authority).await, "{options}");
    }

    database.has_tls(&authority.signs(&[NAME, here])).await;
    for options in ["sslmode=require", "sslmode=prefer", "", "sslmode=require channel_binding=require"] {
        assert!(database.serves(&format!("{named} {options}"), &authority).await, "{options}");
        let error = database.refuses(&format!("{named} {options}"), &other_authority).await;
        assert!(error.contains("certificate"), "{options}: {error}");
    }
    assert!(!database.serves(&format!("{named} sslmode=disable"), &authority).await);
    assert!(database.serves(&format!("{unnamed} sslmode=require"), &authority).await);
    // On the same machine, TLS is not required: nobody can listen in between.
    assert!(!database.serves(&unnamed, &authority).await);
    let another = format!("host=another.rowkeep.test hostaddr={here} sslmode=require");
    let error = database.refuses(&another, &authority).await;
    assert!(error.contains("certificate"), "{error}");
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
