//! The units of systemd start the program with few rights.

use std::collections::BTreeMap;
use std::process::Command;

use super::tools::text;
use crate::documents::markdown::Page;
use crate::operation::program::Directory;

pub const SERVICES: [&str; 2] = ["deploy/systemd/rowkeep.service", "deploy/systemd/rowkeep-migrate.service"];

/// The lines of the section `[Service]`, in their order.
pub struct Unit(Vec<(String, String)>);

impl Unit {
    pub fn read(path: &str) -> Self {
        let text = text(path);
        let section = text.split("\n[Service]\n").nth(1).expect("a section");
        let lines = section.lines().take_while(|line| !line.starts_with('['));
        let line = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(lines.filter(|line| !line.starts_with('#')).filter_map(line).collect())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The variables that it sets.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.all("Environment").into_iter().filter_map(pair).collect()
    }

    /// The lines that take rights away: those after the first of them.
    fn restrictions(&self) -> Vec<(String, String)> {
        self.0.iter().skip_while(|(name, _)| name != "DynamicUser").cloned().collect()
    }
}

/// The output of systemd-analyze.
fn analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze").args(arguments).env("LC_ALL", "C.UTF-8").output();
    let output = output.expect("systemd-analyze: run `.ci/deploy`");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

#[test]
fn the_migration_has_no_right_that_the_server_does_not_have() {
    let [server, migration] = SERVICES.map(|path| Unit::read(path).restrictions());

    assert!(server.len() > 20, "{server:?}");
    assert_eq!(server, migration);
}

#[test]
fn the_server_never_gets_the_migrating_login() {
    let server = Unit::read(SERVICES[0]);

    assert!(server.0.iter().all(|(_, value)| !value.to_lowercase().contains("migrat")), "{:?}", server.0);
    assert_eq!(server.all("LoadCredential"), ["secrets:/etc/rowkeep/secrets"]);
    assert_eq!(server.variables()["DATABASE_URL_FILE"], "%d/secrets_database-url");
}

#[test]
fn systemd_waits_longer_for_a_server_that_stops_than_the_server_takes() {
    let server = Unit::read(SERVICES[0]);

    let [seconds] = server.all("TimeoutStopSec")[..] else { panic!("no time") };

    // The defaults of SHUTDOWN_DELAY and SHUTDOWN_TIMEOUT, and time to spare.
    assert!(seconds.parse::<u64>().expect("seconds") >= 10 + 10, "{seconds}");
}

#[test]
#[ignore = "needs systemd-analyze: `make test-all`"]
fn systemd_rates_the_units_as_safe_and_the_page_shows_its_rating() {
    for path in SERVICES {
        let (success, rating) = analyze(&["security", "--offline=yes", "--threshold=20", "--no-pager", path]);

        assert!(success && rating.contains("Overall exposure level"), "{path}:\n{rating}");
    }

    let page = Page::read("docs/deploy.md");
    let (_, shown) = page
        .commands_with_output()
        .into_iter()
        .find(|(command, _)| command.contains("systemd-analyze"))
        .expect("a rating");
    let (_, rating) = analyze(&["security", "--offline=yes", "--no-pager", SERVICES[0]]);
    assert_eq!(rating.trim_end().lines().last(), Some(shown.as_str()));
}

#[test]
#[ignore = "needs systemd-analyze: `make test-all`"]
fn systemd_understands_every_line_of_the_units() {
    let directory = Directory::named("units");
    for path in SERVICES {
        // It must be there.
        let unit = text(path).replace("/usr/local/bin/rowkeep", env!("CARGO_BIN_EXE_rowkeep"));
        let name = path.rsplit('/').next().expect("a name");
        directory.write(name, &unit);

        let (success, complaints) =
            analyze(&["verify", "--man=no", &directory.0.join(name).display().to_string()]);

        // It also reads other units of this machine, and complains of those.
        let own: Vec<_> = complaints.lines().filter(|line| line.contains("rowkeep")).collect();
        assert!(success || !own.is_empty(), "{complaints}");
        assert_eq!(own, [""; 0], "{path}");
    }
}
