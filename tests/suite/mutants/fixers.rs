//! Which role must run a printed fix.

use std::collections::BTreeMap;

use super::test_cluster::Copy;

/// The whole audit for psql.
const AUDIT: &str = include_str!("../../../sql/audit.sql");

/// What the checks say: each fix with the oid of its fixer.
const FIXES: &str = "fixes as (select f.fix, f.fixer from together f where f.verdict <> 'OK' and f.fix <> '')
    select f.fix, f.fixer, r.rolname::text, r.rolsuper
      from fixes f left join pg_roles r on r.oid::text = f.fixer";

/// The role for an administrator of roles, who is no superuser.
pub const ADMINISTRATOR: &str = "role_administrator";

/// The fixers of all fixes of one database.
pub struct Fixers(BTreeMap<String, Result<Option<String>, String>>);

impl Fixers {
    pub async fn of(copy: &Copy<'_>) -> Self {
        let (checks, _) = AUDIT.split_once("\n-- `rowkeep audit` ends the query here").expect("the checks");
        let from = checks.find("with recursive").expect("a query");
        copy.admin.batch_execute("set search_path = ''").await.expect("a setting");
        let rows = copy.admin.query(&format!("{}\n{FIXES}", &checks[from..]), &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error:?}"));
        let role = |row: &tokio_postgres::Row| {
            let (fixer, name, is_superuser): (Option<&str>, Option<String>, Option<bool>) =
                (row.get(1), row.get(2), row.get(3));
            match (fixer, name) {
                (Some("0"), _) => Ok(None),
                (Some(changed), _) if changed.starts_with("admin ") => Ok(Some(ADMINISTRATOR.to_owned())),
                (Some(_), Some(_)) if is_superuser == Some(true) => Ok(None),
                (Some(_), Some(name)) => Ok(Some(name)),
                (fixer, _) => Err(format!(" the role {fixer:?} does not exist")),
            }
        };
        Self(rows.iter().map(|row| (row.get(0), role(row))).collect())
    }

    /// The role that must run a statement of the checks. None: a superuser. Drift does not say who must run its statements:
    /// the owner of the object, or a superuser.
    pub fn role(&self, fix: &str) -> Result<Option<&str>, String> {
        match self.0.get(fix) {
            None | Some(Ok(None)) => Ok(None),
            Some(Ok(Some(role))) => Ok(Some(role)),
            Some(Err(problem)) => Err(format!(" {fix}{problem}\n")),
        }
    }
}
