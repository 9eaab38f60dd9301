//! `rowkeep audit`: what each role can see and change, whether the database is as this release declares it, and a proof by
//! execution. It reads catalogues, and rolls back every statement of the proof.

mod drift;
mod explained;
mod format;
mod integrity;
mod proof;
mod repair;
mod report;
mod said;

use std::time::Duration;

use serde::de::Error as _;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::database::{Address, describe};
use crate::schema::{SchemaError, Version, connect, has_foreign_schemas};
pub use drift::Catalogue;
pub use explained::controls;
pub use format::Format;
pub use integrity::{Reapplied, check_integrity, lost_objects};
pub use repair::repair_objects;
use report::Finding;
pub use report::{Acceptance, Fact, Head, Report, Verdict};

const AUDIT: &str = include_str!("../sql/audit.sql");
const SERVING_LOGIN: &str = include_str!("../sql/audit/serving_login.sql");
/// What follows the checks in that file. Psql prints the findings of the checks alone.
const FOUND: &str = include_str!("../sql/audit/frame/found.sql");
/// The beginning of that file's one query, inside of its transaction.
const QUERY: &str = "\nwith recursive";
const FINDINGS: &str = include_str!("../sql/audit/program/findings.sql");
const SERVER: &str = include_str!("../sql/schema/server.sql");
const BEGIN: &str = include_str!("../sql/audit/catalogue_begin.sql");
const ROLLBACK: &str = include_str!("../sql/audit/rollback.sql");

/// The parts of the query that judges all findings.
const JUDGE_BEGIN: &str = include_str!("../sql/audit/program/judge_begin.sql");
const SHARED: [&str; 4] = [
    include_str!("../sql/audit/shared/expected.sql"),
    include_str!("../sql/audit/program/no_nodes.sql"),
    include_str!("../sql/audit/shared/optional.sql"),
    include_str!("../sql/audit/shared/accepted.sql"),
];
const JUDGE: &str = include_str!("../sql/audit/frame/judge.sql");
const JUDGE_END: &str = include_str!("../sql/audit/program/judge_end.sql");

/// The id of the finding about the migration and the policies of the database.
const RELEASE: &str = "RK-901";

/// Limit for reading the catalogues, which usually takes 0.1 s.
const CATALOGUE_TIMEOUT: Duration = Duration::from_secs(20);

/// Limit for the proof, which usually takes 0.1 s. Postgres limits each of its statements as well.
const PROOF_TIMEOUT: Duration = Duration::from_secs(120);

/// Whether the login of the address serves requests. The report is stricter with a login that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It is the login of `DATABASE_URL`.
    Serves,
    /// It only migrates or audits.
    DoesNotServe,
}

/// The whole report: the findings of `sql/audit.sql`, then drift, then the proof. The login of `address` serves requests.
///
/// # Errors
/// Fails if the database cannot be reached or does not answer. The report itself says what is wrong with the database.
pub async fn audit(address: &Address) -> Result<Report, SchemaError> {
    audit_as(address, Login::Serves).await
}

/// The same, for a login that may be another one than that of `DATABASE_URL`.
///
/// # Errors
/// As [`audit`].
pub async fn audit_as(address: &Address, login: Login) -> Result<Report, SchemaError> {
    let client = connect(address).await?;
    let mut findings = in_time(address, read_catalogues(&client, login, Checks::All)).await?;
    let proved = timeout(PROOF_TIMEOUT, proof::prove(address, &client)).await;
    add(&mut findings, proved.map_err(|_| no_answer(address))??);
    in_time(address, judge(&client, address, findings)).await
}

/// Each FAIL of the report but those of the proof, as a sentence. The login of `address` serves requests.
///
/// Every server asks this at its start, so the checks that never fail are left out: that is half of the work.
///
/// # Errors
/// Fails if the database cannot be reached or does not answer.
pub async fn failures(address: &Address) -> Result<Vec<String>, SchemaError> {
    let client = connect(address).await?;
    let reading = async {
        let mut findings = read_catalogues(&client, Login::Serves, Checks::Failing).await?;
        findings.retain(|finding| finding.get("verdict").is_some_and(|verdict| verdict == "FAIL"));
        if findings.is_empty() {
            return Ok(Vec::new());
        }
        Ok(judge(&client, address, findings).await?.failing())
    };
    in_time(address, reading).await
}

/// Which checks to run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checks {
    All,
    /// Those that can give a FAIL.
    Failing,
}

async fn in_time<T>(
    address: &Address,
    reading: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, SchemaError> {
    match timeout(CATALOGUE_TIMEOUT, reading).await.map_err(|_| no_answer(address))? {
        Ok(read) => Ok(read),
        Err(ReadError::Database(error)) => Err(catalogues_not_read(error, address)),
        Err(ReadError::Json(error)) => {
            Err(SchemaError::Unusable(format!("{address}: the findings cannot be read: {error}")))
        }
    }
}

/// Why a report could not be read.
enum ReadError {
    Database(Error),
    Json(serde_json::Error),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// The findings of `sql/audit.sql` and of drift, in JSON.
async fn read_catalogues(
    client: &Client,
    login: Login,
    which: Checks,
) -> Result<Vec<serde_json::Value>, ReadError> {
    let mut findings = checked(client, login, which).await?;
    let found = said::not_said_already(&mut findings, drift(client).await?);
    add(&mut findings, found);
    Ok(findings)
}

/// Adds findings of this program, which keep their order.
fn add(findings: &mut Vec<serde_json::Value>, found: Vec<Finding>) {
    for mut finding in found {
        finding.position = findings.len() + 1;
        findings.push(serde_json::json!(finding));
    }
}

fn catalogues_not_read(error: Error, address: &Address) -> SchemaError {
    match error.code() {
        Some(state) if state.code() == "55P03" => SchemaError::Unavailable(format!(
            "another session has locked a table of {address} for more than two seconds, perhaps a migration; run the audit \
             again when it has ended"
        )),
        // query_canceled, transaction_timeout
        Some(state) if matches!(state.code(), "57014" | "25P04") => SchemaError::Unavailable(format!(
            "{address} has ended a statement of the audit ({}): give the login time limits of a second or more",
            describe(&error)
        )),
        _ => error.into(),
    }
}

fn no_answer(address: &Address) -> SchemaError {
    SchemaError::Unavailable(format!("{address} does not answer; run the audit again when it does"))
}

/// The findings of the checks of `sql/audit.sql`.
async fn checked(client: &Client, login: Login, which: Checks) -> Result<Vec<serde_json::Value>, ReadError> {
    let (checks, _) = AUDIT.split_once(FOUND).ok_or_else(|| {
        serde_json::Error::custom("sql/audit.sql is not assembled from sql/audit/: run `make audit`")
    })?;
    // Lines such as \set are for psql.
    let checks = checks.lines().filter(|line| !line.starts_with('\\'));
    // What is left out is not parsed either: its definition, up to the next one, and the line that selects from it.
    let mut left_out = false;
    let is_left_out = |name: &str| which == Checks::Failing && !explained::can_fail(name);
    let is_wanted = |line: &&str| {
        if let Some((name, _)) = line.split_once(" (id, verdict, area, subject, fact, fix, fixer)") {
            left_out = name.strip_prefix("check_").is_some_and(is_left_out);
        }
        !left_out && !line.split_once(" from check_").is_some_and(|(_, name)| is_left_out(name))
    };
    let checks = checks.filter(is_wanted);
    let query = checks.chain(FINDINGS.lines()).collect::<Vec<_>>().join("\n");
    let (begin, query) = query.split_once(QUERY).unwrap_or_default();
    // In a message of its own: a time limit holds from the next message on.
    client.batch_execute(begin).await?;
    if login == Login::Serves {
        client.batch_execute(SERVING_LOGIN).await?;
    }
    let messages = client.simple_query(&format!("{QUERY}{query}")).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let text = row.map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(serde_json::from_str(text.unwrap_or("[]"))?)
}

/// The report about these findings: what is accepted, and the lines that are printed.
async fn judge(
    client: &Client,
    address: &Address,
    findings: Vec<serde_json::Value>,
) -> Result<Report, ReadError> {
    let query = format!("{JUDGE_BEGIN}{},\n{JUDGE}{JUDGE_END}", SHARED.join(",\n"));
    let findings = serde_json::Value::from(findings).to_string();
    let (release, hosts) = (env!("CARGO_PKG_VERSION"), address.host_names());

    client.batch_execute(BEGIN).await?;
    let judged = client
        .query_typed(&query, &[(&findings, Type::TEXT), (&release, Type::TEXT), (&hosts, Type::TEXT)])
        .await;
    client.batch_execute(ROLLBACK).await?;
    let judged = judged?;
    let row = judged.first().ok_or_else(|| serde_json::Error::custom("there is no report"))?;
    Ok(serde_json::from_str(row.try_get(0)?)?)
}

/// Whether a table of this product is there, or was restored. A table of another program can have its name.
async fn is_migrated(client: &Client) -> Result<bool, Error> {
    let declared = Catalogue::declared(major(client).await?);
    Ok(declared.shares_a_table(&Catalogue::of_database(client).await?)
        && !has_foreign_schemas(client).await?)
}

/// The major release of the server.
async fn major(client: &Client) -> Result<i32, Error> {
    let rows = client.query_typed(SERVER, &[]).await?;
    let version: i32 = rows.first().map(|row| row.try_get("version")).transpose()?.unwrap_or(0);
    Ok(version / 10_000)
}

async fn drift(client: &Client) -> Result<Vec<Finding>, Error> {
    let wanted = Version::of_this_release();
    let release = |verdict, text: &str| Finding::new(RELEASE, "drift", verdict, text);
    let behind = |text: &str| release(Verdict::Fail, text).with_fix("rowkeep migrate");
    let found = match Version::of_database(client).await {
        Ok(Some(found)) => Some(found),
        Ok(None) if !is_migrated(client).await? => {
            return Ok(vec![behind("the database has not been migrated")]);
        }
        // app.schema_version() or its history is missing: the differences below say so.
        Ok(None) => None,
        // A login that may not call app.schema_version() can still read the catalogues.
        Err(error) if error.code().is_some_and(|state| state.code() == "42501") => None,
        Err(error) => return Err(error),
    };

    let is_of_this_release = found.as_ref().is_none_or(|found| *found == wanted);
    let release = match found {
        None => release(Verdict::Note, "the database's release is unknown")
            .because("this login cannot read it from app.schema_version()"),
        Some(found) if found == wanted => release(
            Verdict::Ok,
            &format!("migration {} and the policies are those of this release", wanted.migration),
        ),
        Some(found) if found.migration != wanted.migration => {
            let text =
                format!("the database has migration {}, this release {}", found.migration, wanted.migration);
            if found.migration < wanted.migration {
                behind(&text)
            } else {
                release(Verdict::Note, &text).because("audit it with its own release")
            }
        }
        Some(found) if found.has_newer_policies_than(&wanted) => {
            release(Verdict::Note, "the policies are of a newer release")
                .because("audit the database with that release")
        }
        Some(_) => behind("the policies that were applied last are of an older release"),
    };
    let declared = Catalogue::declared(major(client).await?);
    let live = Catalogue::of_database(client).await?;
    // What another release has made differs from what this one declares, and these statements would not go there. A changed
    // function could say any release.
    if !is_of_this_release && declared.agrees("function app.schema_version()", &live) {
        return Ok(vec![release]);
    }
    let mut findings = vec![release];
    let differing = declared.drift(&live);
    if differing.is_empty() {
        let text = format!("{0} of {0} objects and grants are as declared", declared.len());
        findings.push(Finding::new(drift::DRIFT, "drift", Verdict::Ok, text));
    }
    findings.extend(differing);
    Ok(findings)
}
