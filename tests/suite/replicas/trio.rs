//! A primary, its standbys, and a server that reads from them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::metrics::scrape::{ADMIN, Admin, Scrape};
use crate::operation::overload::eventually;
use crate::world::{OwnCluster, Person, SECRET, Server, token_rules};

/// A replica may lag as long as it likes.
pub const PATIENT: (&str, &str) = ("DATABASE_REPLICA_MAX_LAG_MS", "3600000");

/// Other clusters of tests do not flush commits, and what is not flushed reaches no standby.
pub const FLUSHED: &str = "synchronous_commit = on\n";

pub struct Trio {
    pub server: Server,
    pub admin: Admin,
    pub replicas: Vec<OwnCluster>,
    pub primary: OwnCluster,
}

impl Trio {
    /// With one standby for each text, which is more settings for it. The server uses all of them.
    pub async fn with(standbys: &[&str], settings: &[(&str, &str)]) -> Self {
        let (primary, replicas) = clusters(standbys).await;
        let urls: Vec<_> = replicas.iter().map(url).collect();
        let trio = Self::of(primary, replicas, &urls.join(";"), settings).await;
        for number in 1..=standbys.len() {
            trio.uses(number).await;
        }
        trio
    }

    /// Of these servers, with this `DATABASE_REPLICA_URL`. `DATABASE_URL` may be among the settings.
    pub async fn of(
        primary: OwnCluster,
        replicas: Vec<OwnCluster>,
        urls: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let direct = url(&primary);
        let mut all = vec![
            ("DATABASE_URL", direct.as_str()),
            ("DATABASE_REPLICA_URL", urls),
            ("BETTER_AUTH_SECRET", SECRET),
            ADMIN,
        ];
        all.extend(settings);
        let server = Server::start(&all).await.expect("a server");
        let admin = Admin::of(&server).await;
        Self { server, admin, replicas, primary }
    }

    /// A user who sends back the positions of the answers before.
    pub fn user(&self, id: &str) -> Person {
        Person::new(self.server.address, id)
    }

    /// The same user with another token, on a device that has seen nothing yet.
    pub fn other_device(&self, id: &str) -> Person {
        let token = rowkeep::development::token::mint(&token_rules(), id, 7200).expect("a token");
        Person::with_token(self.server.address, Some(&token))
    }

    pub fn anonymous(&self) -> Person {
        Person::with_token(self.server.address, None)
    }

    /// Waits until the server reads from this replica.
    pub async fn uses(&self, number: usize) {
        self.eventually(&format!("replica {number} is used"), |scrape| is_in_use(scrape, number)).await;
    }

    /// Waits until this replica is left out for this reason.
    pub async fn leaves_out(&self, number: usize, reason: &str) {
        let is_left_out = |scrape: &Scrape| {
            let labels = [("replica", &number.to_string()[..]), ("reason", reason)];
            !is_in_use(scrape, number) && scrape.value("rowkeep_replica_left_out_total", &labels) >= 1.0
        };
        self.eventually(&format!("replica {number} is left out: {reason}"), is_left_out).await;
    }

    /// Waits until the metrics are so, for half a minute.
    async fn eventually(&self, what: &str, holds: impl Fn(&Scrape) -> bool) {
        for _ in 0..600 {
            if holds(&self.admin.scrape().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let lines = self.server.log();
        let lines: Vec<_> = lines.iter().filter(|line| line.contains("replica")).collect();
        panic!("not in half a minute: {what}: {lines:#?}");
    }

    /// How many reads went to replicas, or to the primary for this reason.
    pub async fn reads(&self, went: &str) -> f64 {
        reads(&self.admin.scrape().await, went)
    }
}

fn is_in_use(scrape: &Scrape, number: usize) -> bool {
    scrape.value("rowkeep_replica_in_use", &[("replica", &number.to_string())]) == 1.0
}

pub fn reads(scrape: &Scrape, went: &str) -> f64 {
    scrape.value("rowkeep_replica_reads_total", &[("went", went)])
}

/// A migrated primary, and a standby for each text.
pub async fn clusters(standbys: &[&str]) -> (OwnCluster, Vec<OwnCluster>) {
    clusters_with(FLUSHED, standbys).await
}

/// The same, with these settings of the primary.
pub async fn clusters_with(settings: &str, standbys: &[&str]) -> (OwnCluster, Vec<OwnCluster>) {
    let primary = OwnCluster::with(installed(), settings).await;
    primary.migrate().await;
    let mut replicas = Vec::new();
    for settings in standbys {
        replicas.push(primary.standby_with(&format!("{FLUSHED}{settings}")).await);
    }
    (primary, replicas)
}

fn installed() -> u32 {
    rowkeep::development::Programs::find(None).expect("PostgreSQL's programs").major
}

pub fn url(cluster: &OwnCluster) -> String {
    cluster.url("rowkeep_login", "postgres")
}

/// A user whose reads go to this one of so many replicas, while it is in use.
pub fn user_of_replica(number: usize, of: usize) -> String {
    let goes_there = |id: &String| {
        let mut hasher = DefaultHasher::new();
        id.as_str().hash(&mut hasher);
        hasher.finish() as usize % of + 1 == number
    };
    (0..).map(|at| format!("user {at}")).find(goes_there).expect("a user")
}

/// Stops the replay of the log on a standby. It goes on to answer.
pub async fn pauses(standby: &OwnCluster) {
    let superuser = standby.superuser("postgres").await;
    superuser.batch_execute("select pg_wal_replay_pause()").await.expect("a pause");
    eventually("the replay pauses", async || {
        let state =
            superuser.query_one("select pg_get_wal_replay_pause_state()", &[]).await.expect("a state");
        state.get::<_, &str>(0) == "paused"
    })
    .await;
}

pub async fn resumes(standby: &OwnCluster) {
    let superuser = standby.superuser("postgres").await;
    superuser.batch_execute("select pg_wal_replay_resume()").await.expect("no pause");
}

/// Waits until a standby has replayed everything that its primary has written.
pub async fn catches_up(primary: &OwnCluster, standby: &OwnCluster) {
    let end = primary.superuser("postgres").await;
    // A record of its own, after which nothing is unfinished.
    end.batch_execute("select pg_logical_emit_message(true, 'test', '')").await.expect("a record");
    let end = end.query_one("select pg_current_wal_flush_lsn()::text", &[]).await.expect("a position");
    let reached = format!("select pg_last_wal_replay_lsn() >= '{}'", end.get::<_, &str>(0));
    let standby = standby.superuser("postgres").await;
    eventually("the standby catches up", async || {
        standby.query_one(reached.as_str(), &[]).await.expect("an answer").get(0)
    })
    .await;
}
