//! What tests share: a PostgreSQL for this run, a database and a server for each test, and users with tokens.

mod certificate_authority;
mod citus;
mod cluster;
pub mod coverage;
mod database;
mod issuer;
pub mod log_lines;
mod person;
mod releases;
pub mod replicas;
mod server;
mod shared;

pub use certificate_authority::{CertificateAuthority, Signed};
pub use citus::{Citus, HOSTED};
pub use cluster::{OwnCluster, PASSWORD, cluster, end_with_this_process, psql};
pub use database::Database;
pub use issuer::{Issuer, JWKS_PATH, KeyPair, NEVER, Reply, public};
pub use person::{Answer, Connection, Person, Request, send, try_send};
pub use releases::{PACKAGED, releases};
pub use server::{Server, Watcher, listening, listening_in_text};
pub use shared::SharedWorld;

use rowkeep::auth::{SourceKeys, TokenRules, TokenSource, UserId, Verifier};

/// The secret of the servers under test.
pub const SECRET: &str = "a secret for tests, of more than thirty-two bytes";

/// What a server with several sources of tokens needs outside development.
pub const SHARED_USERS: (&str, &str) = ("JWT_ISSUERS_SHARE_USERS", "true");

/// A migrated database and a server on it.
pub struct World {
    pub server: Server,
    pub database: Database,
}

impl World {
    /// With the recommended login, and defaults for everything else.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same, of which the test changes nothing but rows: another test may have used it before.
    pub async fn shared() -> SharedWorld {
        SharedWorld::take().await
    }

    /// The same as [`World::new`], with other settings.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Database::new().await, settings).await
    }

    /// A server that accepts the tokens of `issuer` and no others.
    pub async fn of(issuer: &Issuer, settings: &[(&str, &str)]) -> Self {
        let url = issuer.url();
        let mut all = vec![("BETTER_AUTH_SECRET", ""), ("BETTER_AUTH_URL", url.as_str())];
        all.extend(settings);
        Self::with(&all).await
    }

    /// A server on `database`; `DATABASE_URL` may be among the settings.
    pub async fn on(database: Database, settings: &[(&str, &str)]) -> Self {
        Self::try_on(database, settings).await.expect("a server")
    }

    /// The same as [`World::with`], or the program's output if it does not start.
    pub async fn try_with(settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::try_on(Database::new().await, settings).await
    }

    /// The same as [`World::on`], or the program's output if it does not start.
    pub async fn try_on(database: Database, settings: &[(&str, &str)]) -> Result<Self, String> {
        let url = database.url("rowkeep_login");
        let mut all = vec![("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
        let replicas = replicas::url(&database);
        all.extend(replicas.iter().map(|url| ("DATABASE_REPLICA_URL", url.as_str())));
        all.extend(settings);
        let server = Server::start(&all).await?;
        if replicas.is_some() {
            replicas::are_used(&server).await;
        }
        Ok(Self { server, database })
    }

    /// A user with a token signed with the server's secret.
    pub fn user(&self, id: &str) -> Person {
        Person::new(self.server.address, id)
    }

    /// A caller with this token.
    pub fn bearer(&self, token: &str) -> Person {
        Person::with_token(self.server.address, Some(token))
    }

    /// Alice, with a token of this issuer that this pair signed.
    pub fn signed_in(&self, issuer: &Issuer, pair: &KeyPair) -> Person {
        self.bearer(&pair.token(&issuer.claims(serde_json::json!({}))))
    }

    /// A caller without a token.
    pub fn anonymous(&self) -> Person {
        Person::with_token(self.server.address, None)
    }
}

/// The token rules of the servers under test.
pub fn token_rules() -> TokenRules {
    TokenRules {
        sources: vec![TokenSource {
            setting: "BETTER_AUTH_SECRET",
            keys: SourceKeys::Secrets(vec![SECRET.into()]),
            issuers: vec![],
            audiences: vec![],
        }],
        user_claim: "sub".into(),
        max_lifetime: 366 * 86_400,
        not_before: None,
    }
}

/// A token for `id` that is valid for an hour.
pub fn token(id: &str) -> String {
    rowkeep::development::token::mint(&token_rules(), id, 3600).expect("a token")
}

/// The user of a verified token. There is no other way to get a `UserId`.
pub fn user_id(id: &str) -> UserId {
    Verifier::new(&token_rules())
        .and_then(|verifier| verifier.user_of_token(&token(id)).map_err(|refusal| format!("{refusal:?}")))
        .expect("a verified user")
}
