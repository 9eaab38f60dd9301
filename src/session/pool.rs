//! A pooled connection with its statements prepared, and with a mark for when it may not be used again.

use std::collections::HashMap;
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection};
use bb8_postgres::PostgresConnectionManager;
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Statement};

use super::Question;
use super::pipeline::Pipeline;
use super::transport::{self, Transport};
use crate::database::{Address, causes, logged};

/// What every connection prepares beside the questions.
const FRAME: [(&str, &str); 8] = [
    ("session/begin_read", include_str!("../../sql/session/begin_read.sql")),
    ("session/begin", include_str!("../../sql/session/begin.sql")),
    ("session/identify", include_str!("../../sql/session/identify.sql")),
    ("session/commit", include_str!("../../sql/session/commit.sql")),
    ("session/rollback", include_str!("../../sql/session/rollback.sql")),
    ("session/probe", include_str!("../../sql/session/probe.sql")),
    ("session/assume_role", include_str!("../../sql/session/assume_role.sql")),
    ("session/nobody", include_str!("../../sql/session/nobody.sql")),
];

const SEARCH_PATH: &str = include_str!("../../sql/session/search_path.sql");
const PLANS: &str = include_str!("../../sql/session/plans.sql");
const LIMITS: &str = include_str!("../../sql/session/limits.sql");

/// A connection, and the statements that are prepared on it.
pub(super) struct Link {
    pub(super) client: Client,
    /// Joins the statements of a transaction.
    pub(super) pipeline: Pipeline,
    statements: HashMap<&'static str, Statement>,
    /// Set while a transaction is open. Stays set when it was not seen to end: whatever identity and role are left
    /// on the connection, nobody else gets them.
    pub(super) dirty: bool,
}

impl Link {
    /// The statement of `sql/<name>.sql`.
    pub(super) fn statement(&self, name: &str) -> &Statement {
        self.statements
            .get(name)
            .expect("the manager prepares the frame and every question on each connection")
    }
}

impl Drop for Link {
    /// A transaction that was left half-way may have been sent without a Sync. Postgres would say nothing until one comes,
    /// and the driver waits for every answer before it closes the connection: neither would ever end.
    fn drop(&mut self) {
        if self.dirty {
            self.pipeline.join(0);
            // Is handed to the driver when it is first polled.
            let _ = self.client.execute(self.statement("session/rollback"), &[]).now_or_never();
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoLink {
    /// It could not be opened or prepared.
    NotOpened(Error),
    /// There is nobody at the socket.
    NoSocket(std::io::Error),
    /// Whoever took the connection did not get it ready in time.
    Silent,
    /// It was closed while nobody used it: the database was restarted, or fell asleep.
    Closed,
}

impl NoLink {
    /// What is known of it, for the log.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::NotOpened(error) => logged(error),
            Self::NoSocket(error) => format!("error connecting to server: {}", causes(error)),
            Self::Silent => "accepts a connection, and does not get it ready in time".into(),
            Self::Closed => "closed by the database".into(),
        }
    }
}

impl From<Error> for NoLink {
    fn from(error: Error) -> Self {
        Self::NotOpened(error)
    }
}

/// Opens connections and prepares them.
pub(super) struct Manager {
    address: Address,
    questions: &'static [&'static Question],
    patience: Duration,
}

impl Manager {
    pub(super) fn new(
        address: &Address,
        questions: &'static [&'static Question],
        patience: Duration,
    ) -> Self {
        Self { address: address.clone(), questions, patience }
    }

    async fn open(&self) -> Result<Link, NoLink> {
        let pipeline = Pipeline::default();
        let client = if self.address.is_socket() {
            transport::connect_here(self.address.config(), pipeline.clone()).await?
        } else {
            let (transport, config) =
                Transport::new(self.address.config(), self.address.tls(), pipeline.clone());
            PostgresConnectionManager::new(config, transport).connect().await?
        };
        client.batch_execute(SEARCH_PATH).await?;
        client.batch_execute(PLANS).await?;

        let limit = self.patience.as_millis().to_string();
        client.query(LIMITS, &[&limit]).await?;

        let questions = self.questions.iter().map(|question| (question.name, question.sql));
        let prepared = FRAME.into_iter().chain(questions).map(async |(name, sql)| {
            let statement = client.prepare(sql).await?;
            tracing::debug!(question = name, "prepared");
            Ok::<_, Error>((name, statement))
        });
        let statements = try_join_all(prepared).await?.into_iter().collect();

        Ok(Link { client, pipeline, statements, dirty: false })
    }
}

impl ManageConnection for Manager {
    type Connection = Link;
    type Error = NoLink;

    /// bb8 counts a connection that is being opened as one of its own, and waits for it without end: what accepts
    /// connections and says nothing would take every place for ever.
    async fn connect(&self) -> Result<Link, NoLink> {
        timeout(2 * self.patience, self.open()).await.unwrap_or(Err(NoLink::Silent))
    }

    /// Looks at what is known on this side: a ping would cost a quarter of the throughput.
    async fn is_valid(&self, link: &mut Link) -> Result<(), NoLink> {
        if self.has_broken(link) { Err(NoLink::Closed) } else { Ok(()) }
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.dirty || link.client.is_closed()
    }
}

/// Writes to the log why a connection could not be opened, which whoever waits for it is not told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Complain;

impl ErrorSink<NoLink> for Complain {
    fn sink(&self, error: NoLink) {
        tracing::warn!(cause = error.cause(), "no connection to the database");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<NoLink>> {
        Box::new(*self)
    }
}
