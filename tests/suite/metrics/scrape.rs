//! Reads the metrics of a server as Prometheus does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::operation::overload::eventually;
use crate::world::{Answer, Database, Issuer, Person, Server, World};

/// The setting of a server with a second listener.
pub const ADMIN: (&str, &str) = ("ADMIN_ADDR", "127.0.0.1:0");

/// A server with a second listener.
pub struct Watched {
    pub world: World,
    pub admin: Admin,
}

impl Watched {
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Database::new().await, settings).await
    }

    /// `DATABASE_URL` may be among the settings.
    pub async fn on(database: Database, settings: &[(&str, &str)]) -> Self {
        let world = World::on(database, &[&[ADMIN][..], settings].concat()).await;
        let admin = Admin::of(&world.server).await;
        Self { world, admin }
    }

    /// A server whose statements wait for a lock for as long as a test on a busy machine needs.
    pub async fn patient(settings: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        let superuser = database.superuser().await;
        for name in ["lock_timeout", "statement_timeout"] {
            let set = format!("alter role rowkeep_login in database {} set {name} = '60s'", database.name);
            superuser.batch_execute(&set).await.expect("a setting");
        }
        Self::on(database, &[settings, &[("REQUEST_TIMEOUT", "180")]].concat()).await
    }

    /// A server that accepts the tokens of `issuer` and no others.
    pub async fn of(issuer: &Issuer, settings: &[(&str, &str)]) -> Self {
        let world = World::of(issuer, &[&[ADMIN][..], settings].concat()).await;
        let admin = Admin::of(&world.server).await;
        Self { world, admin }
    }

    pub async fn scrape(&self) -> Scrape {
        self.admin.scrape().await
    }

    /// Waits until the metrics are so.
    pub async fn eventually(&self, what: &str, holds: impl Fn(&Scrape) -> bool) {
        eventually(what, async || holds(&self.scrape().await)).await;
    }
}

/// The second listener.
#[derive(Clone, Copy)]
pub struct Admin {
    pub address: SocketAddr,
}

impl Admin {
    pub async fn of(server: &Server) -> Self {
        let event = server.logs(|event| event["message"] == "listening for operators").await;
        let ip: IpAddr = event["server.address"].as_str().expect("an address").parse().expect("an address");
        let port = event["server.port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        Self { address: (ip, port).into() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Person::with_token(self.address, None).get(path).await
    }

    pub async fn scrape(&self) -> Scrape {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        Scrape::parse(std::str::from_utf8(&answer.body).expect("UTF-8"))
    }
}

/// Every series with its value at one moment.
#[derive(Debug)]
pub struct Scrape {
    pub text: String,
    series: BTreeMap<Series, f64>,
    /// The type of each metric.
    pub types: BTreeMap<String, String>,
    /// The help text of each metric.
    pub helps: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl Series {
    /// Whether it has all of these labels.
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }
}

impl Scrape {
    fn parse(text: &str) -> Self {
        let (mut series, mut types, mut helps) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(types.insert(name.into(), kind.into()).is_none(), "{name} is there twice");
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a text");
                assert!(helps.insert(name.into(), help.into()).is_none(), "{name} is there twice");
            } else {
                let (key, value) = parse_sample(line);
                assert!(series.insert(key, value).is_none(), "{line} is there twice");
            }
        }
        Self { text: text.into(), series, types, helps }
    }

    /// Every series, without the values.
    pub fn series(&self) -> BTreeSet<Series> {
        self.series.keys().cloned().collect()
    }

    /// The value of the one series with this name and these labels, which may have others.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found: Vec<_> = self.matching(name, labels).collect();
        match *found {
            [value] => value,
            _ => panic!("{} series {name} {labels:?}:\n{}", found.len(), self.text),
        }
    }

    /// Whether there is a series with this name and these labels.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// The sum of all series with this name and these labels; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).sum()
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = f64> {
        let found = self.series.iter().filter(move |(series, _)| series.name == name && series.has(labels));
        found.map(|(_, value)| *value)
    }

    /// The values that a label of a metric has.
    pub fn values_of(&self, name: &str, label: &str) -> BTreeSet<String> {
        let found = self.series.keys().filter(|series| series.name == name);
        found.filter_map(|series| series.labels.get(label).cloned()).collect()
    }
}

/// `name{label="value",…} 1.5`. No label of this server has quotes or backslashes.
fn parse_sample(line: &str) -> (Series, f64) {
    let (key, value) = line.rsplit_once(' ').expect("a value");
    let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    let Some((name, labels)) = key.split_once('{') else {
        return (Series { name: key.into(), labels: BTreeMap::new() }, value);
    };
    let labels = labels.strip_suffix("\"}").unwrap_or_else(|| panic!("{line}"));
    let labels = labels.split("\",").map(|label| {
        let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(!value.contains(['"', '\\']), "{line}");
        (name.to_owned(), value.to_owned())
    });
    (Series { name: name.into(), labels: labels.collect() }, value)
}
