//! Which role must run a printed fix.

use std::collections::BTreeMap;

use rowkeep::audit::Report;
use tokio_postgres::Client;

/// The role for an administrator of roles, who is no superuser.
pub const ADMINISTRATOR: &str = "role_administrator";

/// The fixers of all fixes of one report.
pub struct Fixers(BTreeMap<String, Result<Option<String>, String>>);

impl Fixers {
    pub async fn of(report: &Report, admin: &Client) -> Self {
        let roles = admin.query("select oid::text, rolname::text, rolsuper from pg_roles", &[]).await;
        let roles = roles.unwrap_or_else(|error| panic!("{error:?}"));
        let roles: BTreeMap<String, (String, bool)> =
            roles.iter().map(|role| (role.get(0), (role.get(1), role.get(2)))).collect();
        let role = |fixer: &Option<String>| match fixer.as_deref() {
            Some("0") => Ok(None),
            Some(changed) if changed.starts_with("admin ") => Ok(Some(ADMINISTRATOR.to_owned())),
            fixer => match fixer.and_then(|oid| roles.get(oid)) {
                Some((_, true)) => Ok(None),
                Some((name, false)) => Ok(Some(name.clone())),
                None => Err(format!(" the role {fixer:?} does not exist")),
            },
        };
        let fixes =
            report.facts.iter().filter_map(|fact| fact.fix.clone().map(|fix| (fix, role(&fact.fixer))));
        Self(fixes.collect())
    }

    /// The role that must run a statement. None: a superuser.
    pub fn role(&self, fix: &str) -> Result<Option<&str>, String> {
        match self.0.get(fix) {
            None | Some(Ok(None)) => Ok(None),
            Some(Ok(Some(role))) => Ok(Some(role)),
            Some(Err(problem)) => Err(format!(" {fix}{problem}\n")),
        }
    }
}
