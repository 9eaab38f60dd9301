//! What the columns of a probe mean: the problem if one is not as it must be, and what to do about it.

use tokio_postgres::Row;

/// How many objects a problem names.
const NAMED: usize = 5;

/// The problem that a column of the probe looks for, with the objects that have it and the statement for them. None if all is
/// well. A column that is missing is a problem.
pub(super) fn fault(rows: &[Row], column: &str, problem: &str) -> Option<String> {
    if rows.iter().any(|row| row.try_get(column).unwrap_or(false)) {
        return None;
    }
    let names = rows.iter().find_map(|row| row.try_get::<_, Option<Vec<String>>>(column).ok());
    let objects = match names {
        Some(None) => return None,
        Some(Some(names)) => {
            let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(NAMED);
            if more > 0 { format!("{shown} and {more} more: ") } else { format!("{shown}: ") }
        }
        None => String::new(),
    };
    let fix = format!("{column}_fix");
    let fix = rows.iter().find_map(|row| row.try_get::<_, String>(fix.as_str()).ok());
    Some(format!("{objects}{problem}{}", fix.map(|fix| format!(": run {fix}")).unwrap_or_default()))
}

/// The columns of `sql/session/probe.sql` and `probe_without_identity.sql`, and the problem if one is not as it must be. The
/// names of the objects stand before it.
pub(super) const PROTECTION: [(&str, &str); 13] = [
    ("role_assumed", "a request's transaction does not run as rowkeep_api: run `rowkeep migrate`"),
    (
        "bound_by_policies",
        "rowkeep_api is a superuser or has BYPASSRLS, so no policy restricts it: \
         run ALTER ROLE rowkeep_api NOSUPERUSER NOBYPASSRLS;",
    ),
    (
        "owned",
        "rowkeep_api owns tables of schema app, or is a member of the role that owns them: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "unprotected",
        "requests can reach it, and row security is not enabled and forced. If it is a table of Rowkeep, run \
         `rowkeep migrate --reapply-policies`; if not, revoke the privileges on it: `rowkeep audit` shows the statements",
    ),
    (
        "unfenced",
        "no fence policy, or a fence with another condition: run `rowkeep migrate --reapply-policies`",
    ),
    (
        "unsound",
        "not owned by rowkeep_owner, inherits from another table, or does not compare user ids byte by byte: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "without_rows",
        "no policy lets rowkeep_api see rows, so every list would be empty: run `rowkeep migrate --reapply-policies`",
    ),
    ("disabled_triggers", "the trigger is disabled, so every create fails, or ids and users can change"),
    (
        "missing_triggers",
        "the trigger is missing, so every create fails: run `rowkeep migrate --repair`, or as rowkeep_owner CREATE TRIGGER \
         tasks_touch BEFORE INSERT OR UPDATE ON app.tasks FOR EACH ROW EXECUTE FUNCTION app.tasks_touch();",
    ),
    (
        "triggers_run",
        "session_replication_role is replica, so no trigger runs and every create fails: run ALTER ROLE .. RESET \
         session_replication_role; for the login, or ALTER DATABASE .. RESET",
    ),
    (
        "identity_sound",
        "app.current_user_id() is not the function of migrations/V4__cheaper_identity.sql: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "identity_taken",
        "app.identify() sets another user than the one it was called with: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "sees_nothing",
        "a transaction without an identity sees rows or has a user: run `rowkeep migrate --reapply-policies`, \
         and remove stored values of app.user_id (ALTER ROLE .. RESET app.user_id)",
    ),
];

/// The same for what requests need: without it they are refused, and no row is shown to others.
pub(super) const USE: [(&str, &str); 2] = [
    MISSING_PRIVILEGES,
    (
        "unfilled_columns",
        "it must not be null and has no default, so every create fails: run ALTER TABLE app.tasks ALTER COLUMN .. SET DEFAULT \
         ..; or .. DROP NOT NULL;",
    ),
];

/// Shards need them as well.
pub(super) const MISSING_PRIVILEGES: (&str, &str) = (
    "missing_privileges",
    "rowkeep_api does not have this privilege, which requests need: run `rowkeep migrate --reapply-policies`",
);
